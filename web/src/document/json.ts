/** JSON whose large integers (seeds go up to 2^64) come back as they were: as `{ $int: "digits" }` in between. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

export function readJson(text: string): unknown {
  const kept = text.replace(TOKEN, (token) =>
    /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `{"$int":"${token}"}` : token,
  );
  return JSON.parse(kept);
}

export function writeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, (_, each: unknown) => (isLarge(each) ? `\u0001${each.$int}\u0001` : each), indent);
  return text.replace(/"\\u0001(-?\d+)\\u0001"/g, "$1");
}

export function isLarge(value: unknown): value is { readonly $int: string } {
  return typeof value === "object" && value !== null && "$int" in value && typeof value.$int === "string";
}

/** An integer as a literal: a number where that is exact. */
export function integer(digits: string): Json {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : { $int: digits };
}
