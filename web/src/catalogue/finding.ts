/** Finding a node of the open workflow by its title, id, type or what its inputs say. */

import type { Catalogue } from "./catalogue";
import { own, viewOf, type Document } from "../document/document";
import { writeJson } from "../document/json";
import { score } from "./search";

export interface Found {
  readonly node: string;
  readonly title: string;
  readonly type: string;
  /** The input whose value has the words in it, and the value around them. */
  readonly said: { readonly socket: string; readonly text: string } | null;
  readonly score: number;
}

const MOST = 200;
const AROUND = 24;

/** The nodes that a query may mean, the likeliest first; without one all of them, as they come. */
export function findNodes(document: Document, catalogue: Catalogue, query: string): readonly Found[] {
  const words = query.trim();
  const all = Object.entries(document.nodes).flatMap(([node, { type, values }]): Found[] => {
    const title = viewOf(document, node)?.title ?? own(catalogue.nodes, type)?.title ?? type;
    const base = { node, title, type, said: null };
    if (words === "") return [{ ...base, score: 0 }];
    const named = [title, node, type].map((text) => score(words, text)).filter((each) => each !== null);
    const said = saidIn(values ?? {}, words);
    if (named.length === 0 && said === null) return [];
    // Letters that are strewn over a name say less than words that stand in a text.
    const best = Math.max(...named, said === null ? -Infinity : 6);
    return [{ ...base, said: named.some((each) => each > 6) ? null : said, score: best }];
  });
  return all.sort((a, b) => b.score - a.score).slice(0, MOST);
}

function saidIn(values: Readonly<Record<string, unknown>>, words: string): Found["said"] {
  const wanted = words.toLowerCase();
  for (const [socket, value] of Object.entries(values)) {
    const text = typeof value === "string" ? value : writeJson(value);
    const at = text.toLowerCase().indexOf(wanted);
    if (at < 0) continue;
    const start = Math.max(0, at - AROUND);
    const end = Math.min(text.length, at + wanted.length + 2 * AROUND);
    return { socket, text: (start > 0 ? "…" : "") + text.slice(start, end) + (end < text.length ? "…" : "") };
  }
  return null;
}
