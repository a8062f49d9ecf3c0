/** What the palette offers: sockets that are there, and nodes to add, in groups. */

import { fitting, type Catalogue, type Description } from "./catalogue";
import { linksOf, own, sourceOf, viewOf, type Document, type End } from "../document/document";
import { score, search } from "./search";
import type { Palette } from "../store";
import { endsFor, inputAt, outputAt, passes } from "../document/wiring";

export type Offer =
  | { readonly id: string; readonly kind: "node"; readonly title: string; readonly detail: string; readonly node: Description }
  | { readonly id: string; readonly kind: "socket"; readonly title: string; readonly detail: string; readonly end: End };

export interface Group {
  readonly title: string;
  readonly offers: readonly Offer[];
}
export interface Liking {
  readonly favourites: readonly string[];
  readonly recent: readonly string[];
}

/** The nodes that fit what the palette was opened for. */
export function suitable(document: Document, catalogue: Catalogue, { wire, into }: Pick<Palette, "wire" | "into">): readonly Description[] {
  const nodes = Object.values(catalogue.nodes);
  if (wire) return nodes.filter((node) => fitting(catalogue, node, wire) !== null);
  if (!into) return nodes;
  const link = linksOf(document, into.node).find(([socket]) => socket === into.socket)?.[1];
  const source = link && outputAt(document, catalogue, link)?.type;
  const target = inputAt(document, catalogue, into)?.type;
  return source === undefined || target === undefined ? [] : nodes.filter((node) => passes(catalogue, node, source, target));
}

/** The sockets in which the wire that the palette was opened for may end. */
export function socketOffers(document: Document, catalogue: Catalogue, { wire, present }: Pick<Palette, "wire" | "present">): readonly Offer[] {
  if (!wire || !present) return [];
  const mine = `${wire.node}.${wire.socket}`;
  return endsFor(document, catalogue, wire).flatMap((end): Offer[] => {
    const socket = (wire.side === "source" ? inputAt : outputAt)(document, catalogue, end);
    const link = wire.side === "source" ? own(own(document.nodes, end.node)?.links, end.socket) : undefined;
    if (!socket || link === mine) return [];
    const taken = link === undefined ? "" : ` · from ${sourceOf(link).node}`;
    const title = `${viewOf(document, end.node)?.title ?? end.node} · ${end.socket}`;
    return [{ id: `socket ${end.node}.${end.socket}`, kind: "socket", title, detail: socket.type + taken, end }];
  });
}

/** In groups: without a query favourites, what was used last, and all by category; else what the query may mean, the likeliest first. */
export function grouped(sockets: readonly Offer[], nodes: readonly Description[], query: string, liking: Liking): readonly Group[] {
  const here: Group = { title: "In this workflow", offers: matching(sockets, query) };
  const sorted = search(nodes, query);
  const meant = (): Group => ({ title: "Nodes", offers: favouritesFirst(sorted, query, liking).map((node) => offer("found", node, node.category)) });
  const groups = query.trim() === "" ? [...likedIn(sorted, liking), ...byCategory(sorted)] : [meant()];
  return [here, ...groups].filter((group) => group.offers.length > 0);
}

const offer = (group: string, node: Description, detail: string): Offer => ({
  id: `${group} ${node.name}`, kind: "node", title: node.title, detail, node,
});

function matching(sockets: readonly Offer[], query: string): readonly Offer[] {
  if (query.trim() === "") return sockets;
  const scored = sockets.flatMap((each) => {
    const found = score(query, each.title);
    return found === null ? [] : [{ each, found }];
  });
  return scored.sort((a, b) => b.found - a.found).map(({ each }) => each);
}

function likedIn(nodes: readonly Description[], { favourites, recent }: Liking): readonly Group[] {
  const named = (names: readonly string[]) => names.flatMap((name) => nodes.find((node) => node.name === name) ?? []);
  const groups = [{ title: "Favourites", names: favourites }, { title: "Used last", names: recent.filter((name) => !favourites.includes(name)) }];
  return groups.map(({ title, names }) => ({ title, offers: named(names).map((node) => offer(title, node, node.category)) }));
}

function byCategory(nodes: readonly Description[]): readonly Group[] {
  const titles = [...new Set(nodes.map((node) => node.category))];
  return titles.map((title) => ({ title, offers: nodes.filter((node) => node.category === title).map((node) => offer("all", node, "")) }));
}

/** Of nodes that a query means equally well, the favourites come first. */
function favouritesFirst(nodes: readonly Description[], query: string, { favourites }: Liking): readonly Description[] {
  const words = query.trim().toLowerCase();
  const rank = (node: Description) => (favourites.includes(node.name) && node.title.toLowerCase().includes(words) ? 0 : 1);
  return [...nodes].sort((a, b) => rank(a) - rank(b));
}
