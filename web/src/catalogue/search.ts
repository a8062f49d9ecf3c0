/** Finding nodes by a few letters of their names. */

import type { Description } from "./catalogue";

/** How well the letters of `query` are found in `text`, in order; null if they are not. */
export function score(query: string, text: string): number | null {
  const wanted = query.toLowerCase().replace(/\s+/g, "");
  const lower = text.toLowerCase();
  let total = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = lower.indexOf(letter, at + 1);
    if (next < 0) return null;
    const starts = next === 0 || /[A-Z\s_-]/.test(text[next] ?? "") || /[\s_-]/.test(text[next - 1] ?? "");
    total += next === at + 1 ? 6 : starts ? 4 : 1 - Math.min(3, next - at) / 4;
    at = next;
  }
  const whole = lower.includes(wanted) ? 8 + (lower.startsWith(wanted) ? 8 : 0) : 0;
  return total + whole - text.length / 50;
}

/** The nodes that a query may mean, the likeliest first; without a query all of them, by category. */
export function search(nodes: readonly Description[], query: string): readonly Description[] {
  if (query.trim() === "") {
    return [...nodes].sort((a, b) => a.category.localeCompare(b.category) || a.title.localeCompare(b.title));
  }
  const scored = nodes.flatMap((node) => {
    const named = score(query, node.title) ?? score(query, node.name);
    const said = node.help.toLowerCase().includes(query.trim().toLowerCase()) ? 2 : null;
    const found = named ?? said ?? (score(query, node.category) === null ? null : 0);
    return found === null ? [] : [{ node, found }];
  });
  return scored.sort((a, b) => b.found - a.found || a.node.title.localeCompare(b.node.title)).map(({ node }) => node);
}
