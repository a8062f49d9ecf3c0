/** Which results of the last run would not be used again: those of changed nodes, and of all that follow from them. */

import { own, sourceOf, type Document, type NodeData } from "../document/document";

type Nodes = Document["nodes"];

const NONE: ReadonlySet<string> = new Set();

function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  const pair = [one as Record<string, unknown>, other as Record<string, unknown>] as const;
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(pair[0][key], pair[1][key]));
}

/** Nodes are the same objects as long as nobody changes them, so that each pair is looked at once. */
const compared = new WeakMap<NodeData, { readonly before: NodeData; readonly same: boolean }>();

function isSame(before: NodeData, after: NodeData): boolean {
  if (before === after) return true;
  const known = compared.get(after);
  if (known?.before === before) return known.same;
  const { type, mode, values = {}, links = {} } = after;
  const found = type === before.type && mode === before.mode && same(values, before.values ?? {}) && same(links, before.links ?? {});
  compared.set(after, { before, same: found });
  return found;
}

/** The nodes that differ from what was run, and whatever needs one of them. */
export function staleNodes(ran: Nodes, present: Nodes): ReadonlySet<string> {
  if (ran === present) return NONE;
  const ids = Object.keys(present);
  const isChanged = (id: string) => {
    const [before, after] = [own(ran, id), own(present, id)];
    return !before || !after || !isSame(before, after);
  };
  const stale = new Set(ids.filter(isChanged));
  if (stale.size === 0) return NONE;
  const users = new Map<string, string[]>();
  for (const id of ids) {
    for (const link of Object.values(own(present, id)?.links ?? {})) {
      const { node } = sourceOf(link);
      const known = users.get(node);
      if (known) known.push(id);
      else users.set(node, [id]);
    }
  }
  // A set goes on with what is added to it on the way.
  for (const id of stale) for (const user of users.get(id) ?? []) stale.add(user);
  return stale;
}

let last: { readonly ran: Nodes; readonly present: Nodes; readonly stale: ReadonlySet<string> } | null = null;

/** As `staleNodes`, found once for all who ask; where it is not known what was run, nothing is stale. */
export function staleIn(ran: Document | null, present: Document): ReadonlySet<string> {
  if (!ran) return NONE;
  if (last?.ran !== ran.nodes || last.present !== present.nodes) {
    last = { ran: ran.nodes, present: present.nodes, stale: staleNodes(ran.nodes, present.nodes) };
  }
  return last.stale;
}
