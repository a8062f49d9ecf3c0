/** Numbers as fields show them: what was typed as a value, what a drag makes of it, where it is in its range. */

import type { Widget } from "../catalogue/catalogue";
import { integer, isLarge, type Json } from "../document/json";

export type Range = Extract<Widget, { kind: "range" }>;

export const digits = (value: Json): string =>
  isLarge(value) ? value.$int : typeof value === "string" ? value : JSON.stringify(value);

/** What was typed as a literal: text that is no number stays, and the server says what is wrong with it. */
export function literal(text: string): Json {
  const trimmed = text.trim();
  if (/^[+-]?\d+$/.test(trimmed)) return integer(trimmed.replace("+", ""));
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : text;
}

export const SEED_RANGE: Range = { kind: "range", min: 0, max: null, step: 1, whole: true };

export const stepOf = ({ step, whole }: Range): number => step ?? (whole ? 1 : 0.1);

export const within = ({ min, max }: Range, value: number): number => Math.min(max ?? Infinity, Math.max(min ?? -Infinity, value));

/** Without what adding binary fractions leaves behind. */
export const rounded = (value: number): number => Number(value.toFixed(6));

/** A number so many steps further, as the arrow keys move it. */
export const nudged = (range: Range, value: number, steps: number): number => rounded(within(range, value + steps * stepOf(range)));

interface Held {
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

const PIXELS_A_STEP = 3;

/** A drag goes on: where it is, finer than steps are, so that slow ones move too; it stops at the ends of the range. */
export function pulled(range: Range, at: number, pixels: number, { shiftKey, altKey }: Held): number {
  const speed = (shiftKey ? 10 : 1) * (altKey ? 0.1 : 1);
  return within(range, at + (pixels / PIXELS_A_STEP) * stepOf(range) * speed);
}

/** The value where a drag is: a multiple of the step, or of a tenth of it; the ends of the range count as well. */
export function settledAt(range: Range, at: number, { altKey }: Pick<Held, "altKey">): number {
  const fine = stepOf(range) * (altKey ? 0.1 : 1);
  const step = range.whole ? Math.max(1, Math.round(fine)) : fine;
  if (at === range.min || at === range.max) return at;
  return rounded(within(range, Math.round(at / step) * step));
}

/** Where in its range a value is, 0 to 1; null if the range has no ends, or the value is none. */
export function partOf({ min, max }: Range, value: Json): number | null {
  if (min === null || max === null || min >= max || typeof value !== "number") return null;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}
