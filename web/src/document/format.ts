/** JSON as people write it: what is short stands on one line. It reads back as what it was made of. */

import { isLarge, writeJson } from "./json";

const WIDTH = 120;
/** The document and its lists of nodes and views are always spread out. */
const SPREAD = 2;

export const formatJson = (value: unknown): string => written(value, 0, 0);

/** A value whose first line begins so many letters from the left. */
function written(value: unknown, depth: number, before: number): string {
  if (typeof value !== "object" || value === null || isLarge(value)) return writeJson(value);
  const isList = Array.isArray(value);
  const items: readonly (readonly [string, unknown])[] = isList ? (value as unknown[]).map((item) => ["", item]) : parts(value);
  if (items.length === 0) return isList ? "[]" : "{}";
  // One letter is left for the comma that may follow.
  const short = depth < SPREAD ? null : onOneLine(value, WIDTH - before - 1);
  if (short !== null) return short;
  const indent = "  ".repeat(depth + 1);
  const lines = items.map(([start, item]) => indent + start + written(item, depth + 1, indent.length + start.length));
  return `${isList ? "[" : "{"}\n${lines.join(",\n")}\n${"  ".repeat(depth)}${isList ? "]" : "}"}`;
}

/** The keys, each as it is written, and the values; what is undefined is left out, as JSON does. */
const parts = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, part]) => part !== undefined).map(([key, part]) => [`${JSON.stringify(key)}: `, part]);

/** All of a value on one line, or null where there is no room for it. */
function onOneLine(value: unknown, room: number): string | null {
  if (typeof value !== "object" || value === null || isLarge(value)) return fitting(writeJson(value), room);
  const isList = Array.isArray(value);
  const items: readonly (readonly [string, unknown])[] = isList ? (value as unknown[]).map((item) => ["", item]) : parts(value);
  let text = "";
  for (const [start, item] of items) {
    const head = text + (text && ", ") + start;
    const rest = onOneLine(item, room - head.length - 2);
    if (rest === null) return null;
    text = head + rest;
  }
  return fitting(isList ? `[${text}]` : `{${text}}`, room);
}

const fitting = (text: string, room: number): string | null => (text.length <= room ? text : null);
