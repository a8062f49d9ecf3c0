/** The difference of two JSON values that share what did not change; it can be applied in both directions. */

type Value = unknown;
type Path = readonly string[];

/** One place that has changed: a key that came or went (and where it stands), a text in part, or any other value. */
export type Change =
  | { readonly kind: "put" | "drop"; readonly at: Path; readonly index: number; readonly value: Value }
  | { readonly kind: "text"; readonly at: Path; readonly from: number; readonly old: string; readonly new: string }
  | { readonly kind: "set"; readonly at: Path; readonly old: Value; readonly new: Value };
export type Patch = readonly Change[];

const isRecord = (value: Value): value is Record<string, Value> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What turns `before` into `after`, to be applied in order. */
export function diff(before: Value, after: Value, at: Path = []): Patch {
  if (before === after) return [];
  if (isRecord(before) && isRecord(after)) return diffRecords(before, after, at);
  if (typeof before === "string" && typeof after === "string") return [diffTexts(before, after, at)];
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ kind: "set", at, old: before, new: after }];
}

function diffRecords(before: Record<string, Value>, after: Record<string, Value>, at: Path): Patch {
  const olds = Object.keys(before);
  const news = Object.keys(after);
  const kept = olds.filter((key) => Object.hasOwn(after, key));
  const left = news.filter((key) => Object.hasOwn(before, key));
  // Keys in another order cannot be told by what came and went.
  if (kept.some((key, index) => key !== left[index])) return [{ kind: "set", at, old: before, new: after }];
  const drops = olds.flatMap((key, index): Change[] =>
    Object.hasOwn(after, key) ? [] : [{ kind: "drop", at: [...at, key], index, value: before[key] }],
  );
  const puts = news.flatMap((key, index): Change[] =>
    Object.hasOwn(before, key) ? [] : [{ kind: "put", at: [...at, key], index, value: after[key] }],
  );
  const inner = kept.flatMap((key) => diff(before[key], after[key], [...at, key]));
  // The last goes first, so that each index still holds; backwards, the first comes first.
  return [...inner, ...drops.reverse(), ...puts];
}

function diffTexts(before: string, after: string, at: Path): Change {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from++;
  let tail = 0;
  while (tail < most - from && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  return { kind: "text", at, from, old: before.slice(from, before.length - tail), new: after.slice(from, after.length - tail) };
}

/** The same patch the other way round. */
export function inverse(patch: Patch): Patch {
  return patch.toReversed().map((change): Change => {
    switch (change.kind) {
      case "put":
        return { ...change, kind: "drop" };
      case "drop":
        return { ...change, kind: "put" };
      case "text":
      case "set":
        return { ...change, old: change.new, new: change.old } as Change;
    }
  });
}

/** What a patch makes of a value; only what it changes is copied. */
export const apply = <T>(patch: Patch, value: T): T => patch.reduce<Value>((before, change) => applied(change, before, 0), value) as T;

function applied(change: Change, value: Value, depth: number): Value {
  const key = change.at[depth];
  if (key === undefined) return changed(change, value);
  const record = isRecord(value) ? value : {};
  if (depth === change.at.length - 1 && change.kind === "drop") {
    return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
  }
  if (depth === change.at.length - 1 && change.kind === "put") {
    return Object.fromEntries(Object.entries(record).toSpliced(change.index, 0, [key, change.value]));
  }
  return { ...record, [key]: applied(change, record[key], depth + 1) };
}

function changed(change: Change, value: Value): Value {
  if (change.kind === "set") return change.new;
  if (change.kind !== "text" || typeof value !== "string") return value;
  return value.slice(0, change.from) + change.new + value.slice(change.from + change.old.length);
}
