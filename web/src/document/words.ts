/** What has changed within a text, word by word. */

export interface Word {
  readonly kind: "same" | "old" | "new";
  readonly text: string;
}

const TOKEN = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;
/** More than that would be felt; then all that lies between the first change and the last counts as one. */
const MOST_CELLS = 4_000_000;

const tokensOf = (text: string): readonly string[] => text.match(TOKEN) ?? [];

/** A text as it was and as it is: the same words, those that are gone and those that came. */
export function wordDiff(before: string, after: string): readonly Word[] {
  const [old, now] = [tokensOf(before), tokensOf(after)];
  const most = Math.min(old.length, now.length);
  let start = 0;
  while (start < most && old[start] === now[start]) start++;
  let tail = 0;
  while (tail < most - start && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const [mine, theirs] = [old.slice(start, old.length - tail), now.slice(start, now.length - tail)];
  const pairs = mine.length * theirs.length > MOST_CELLS ? [] : common(mine, theirs);
  return told([...walk(old.slice(0, start), mine, theirs, pairs), ...old.slice(old.length - tail).map((text): Word => ({ kind: "same", text }))]);
}

/** The places of the longest sequence of words that both have. */
function common(old: readonly string[], now: readonly string[]): readonly (readonly [number, number])[] {
  const width = now.length + 1;
  const longest = new Uint16Array((old.length + 1) * width);
  const at = (i: number, j: number): number => longest[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      longest[i * width + j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < old.length && j < now.length; ) {
    if (old[i] === now[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

function walk(head: readonly string[], old: readonly string[], now: readonly string[], pairs: readonly (readonly [number, number])[]): readonly Word[] {
  const words = head.map((text): Word => ({ kind: "same", text }));
  let [i, j] = [0, 0];
  for (const [a, b] of [...pairs, [old.length, now.length] as const]) {
    words.push({ kind: "old", text: old.slice(i, a).join("") }, { kind: "new", text: now.slice(j, b).join("") }, { kind: "same", text: old[a] ?? "" });
    [i, j] = [a + 1, b + 1];
  }
  return words;
}

/** Neighbours of a kind as one; a gap between two changes that is only space belongs to them. */
function told(words: readonly Word[]): readonly Word[] {
  const all: Word[] = [];
  let [old, now, gap] = ["", "", ""];
  const flush = () => {
    const parts: readonly Word[] = [{ kind: "old", text: old }, { kind: "new", text: now }, { kind: "same", text: gap }];
    all.push(...parts.filter(({ text }) => text !== ""));
    [old, now, gap] = ["", "", ""];
  };
  for (const { kind, text } of words.filter((word) => word.text !== "")) {
    if (kind === "same") {
      gap += text;
      if (gap.trim() !== "" || (old === "" && now === "")) flush();
      continue;
    }
    if (gap !== "") [old, now, gap] = [old + gap, now + gap, ""];
    if (kind === "old") old += text;
    else now += text;
  }
  flush();
  return joined(all);
}

function joined(words: readonly Word[]): readonly Word[] {
  const all: Word[] = [];
  for (const word of words) {
    const last = all.at(-1);
    if (last?.kind === word.kind) all[all.length - 1] = { kind: word.kind, text: last.text + word.text };
    else all.push(word);
  }
  return all;
}

const AROUND = 32;
const LONG = 400;

/** Without the middle of what stayed the same, and without the end of what came or went, where it is long. */
export function shortened(words: readonly Word[]): readonly Word[] {
  return words.map((word, index) => {
    const [first, last] = [index === 0, index === words.length - 1];
    const room = first || last ? AROUND : 2 * AROUND;
    if (word.kind !== "same") return word.text.length <= LONG ? word : { ...word, text: `${word.text.slice(0, LONG).trimEnd()} …` };
    if (word.text.length <= room + 8) return word;
    const head = first ? "" : word.text.slice(0, AROUND).trimEnd();
    const tail = last ? "" : word.text.slice(-AROUND).trimStart();
    return { kind: "same", text: `${head} … ${tail}` };
  });
}
