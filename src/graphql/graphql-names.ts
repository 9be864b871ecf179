/** `send-welcome-email` becomes `SendWelcomeEmail`. */
export function pascalCase(kebabCase: string): string {
  return kebabCase.split('-').map(capitalize).join('');
}

/** The GraphQL type of the tasks of a contract. */
export function taskTypeName(taskName: string): string {
  return `${pascalCase(taskName)}Task`;
}

/** With its first letter in upper case. */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Whether GraphQL lets a field or an enum value have this name. */
export function isGraphQLName(text: string): boolean {
  return /^(?!__)[_A-Za-z][_0-9A-Za-z]*$/.test(text);
}

/**
 * Names for the values of an enum: a value that is a name keeps it, others become SCREAMING_SNAKE (`text/csv` becomes
 * `TEXT_CSV`). Undefined when two values would get the same name, or one none.
 */
export function enumNames(values: readonly string[]): ReadonlyMap<string, string> | undefined {
  const byName = new Map(values.map((value) => [enumName(value), value]));
  return byName.size === values.length && !byName.has('') ? byName : undefined;
}

function enumName(value: string): string {
  if (isGraphQLName(value) && !['true', 'false', 'null'].includes(value)) return value;
  const words = value.replace(/([a-z0-9])([A-Z])/g, '$1_$2').split(/[^A-Za-z0-9]+/);
  const name = words
    .filter((word) => word !== '')
    .join('_')
    .toUpperCase();
  return /^[0-9]/.test(name) ? `_${name}` : name;
}
