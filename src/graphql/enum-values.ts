/** The values of an enum with their descriptions, as Pothos wants them. */
export function enumValues<Name extends string>(names: readonly Name[], descriptions: Record<Name, string>) {
  const values = names.map((name) => [name, { value: name, description: descriptions[name] }] as const);
  return Object.fromEntries(values) as Record<Name, { value: Name; description: string }>;
}
