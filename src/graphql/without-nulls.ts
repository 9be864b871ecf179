/** An input without the fields that are null: they are as good as left out. */
export function withoutNulls<Given extends object>(
  given: Given,
): { [Field in keyof Given]?: NonNullable<Given[Field]> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as {
    [Field in keyof Given]?: NonNullable<Given[Field]>;
  };
}
