/** A JSON text, looked through by hand: where each node stands in it, and where and why it is not JSON. */

/** What is said of a node, from its name to the end of its value. */
export interface Place {
  readonly node: string;
  readonly part: string;
  readonly from: number;
  readonly to: number;
}
export interface Fault {
  readonly at: number;
  readonly reason: string;
}
export interface Scanned {
  /** In the order of the text, up to the fault. */
  readonly places: readonly Place[];
  readonly fault: Fault | null;
}

const TOKEN =
  // eslint-disable-next-line no-control-regex -- JSON allows none of them within a text
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([^])|$)/y;

/** What may come next, in words. */
const EXPECTED = {
  value: "a value",
  first: "a value or “]”",
  name: "a name in quotes",
  begin: "a name in quotes or “}”",
  colon: "a colon",
  "}": "a comma or “}”",
  "]": "a comma or “]”",
  end: "nothing more",
} as const;
type Next = keyof typeof EXPECTED;

interface Open {
  readonly close: "}" | "]";
  name: string;
  from: number;
}

export function scan(text: string): Scanned {
  const token = new RegExp(TOKEN);
  const open: Open[] = [];
  const places: Place[] = [];
  let next: Next = "value";
  const finished = (to: number): Next => {
    const [top, inner] = open;
    if (open.length === 2 && inner?.close === "}" && top && (top.name === "nodes" || top.name === "view")) {
      places.push({ node: inner.name, part: top.name, from: inner.from, to });
    }
    return open.at(-1)?.close ?? "end";
  };
  for (;;) {
    const [all = "", sign, quoted, word, other] = token.exec(text) ?? [];
    const got = sign ?? quoted ?? word ?? other;
    const to = token.lastIndex;
    const from = to - (got?.length ?? 0);
    const top = open.at(-1);
    if (next === "end" && got === undefined) return { places, fault: null };
    const isValue = next === "value" || next === "first";
    if (isValue && (quoted ?? word) !== undefined) next = finished(to);
    else if (isValue && (sign === "{" || sign === "[")) {
      open.push({ close: sign === "{" ? "}" : "]", name: "", from });
      next = sign === "{" ? "begin" : "first";
    } else if (top && quoted !== undefined && (next === "name" || next === "begin")) {
      [top.name, top.from, next] = [JSON.parse(quoted) as string, from, "colon"];
    } else if (next === "colon" && sign === ":") next = "value";
    else if (top && sign === "," && next === top.close) next = top.close === "}" ? "name" : "value";
    else if (top && sign === top.close && (next === top.close || next === (sign === "}" ? "begin" : "first"))) {
      open.pop();
      next = finished(to);
    } else return { places, fault: { at: got === undefined ? from - all.length : from, reason: reasonOf(next, got) } };
  }
}

function reasonOf(next: Next, got: string | undefined): string {
  if (got === '"') return "This text has no end, or a sign in it that must be written with \\.";
  const shown = got === undefined ? "the end" : `“${got.length > 24 ? `${got.slice(0, 23)}…` : got}”`;
  return `Expected ${EXPECTED[next]}, got ${shown}.`;
}

/** Where each line begins. */
export function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The line that a place in the text is in, from 0. */
export function lineOf(starts: readonly number[], at: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}
