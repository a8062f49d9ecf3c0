/** What may be wired to what, told by the catalogue's matrix. */

import { accepts, type Catalogue, type Description, type Input, type Loose, type Output } from "../catalogue/catalogue";
import { connect, leadsTo, linksOf, own, type Document, type End } from "./document";

export const inputAt = (document: Document, catalogue: Catalogue, { node, socket }: End): Input | undefined =>
  own(catalogue.nodes, own(document.nodes, node)?.type ?? "")?.inputs.find((each) => each.name === socket);

export const outputAt = (document: Document, catalogue: Catalogue, { node, socket }: End): Output | undefined =>
  own(catalogue.nodes, own(document.nodes, node)?.type ?? "")?.outputs.find((each) => each.name === socket);

export function isValid(document: Document, catalogue: Catalogue, from: End, to: End): boolean {
  const output = outputAt(document, catalogue, from);
  const input = inputAt(document, catalogue, to);
  return !!output && !!input && accepts(catalogue, input.type, output.type) && !leadsTo(document, to.node, from.node);
}

/** The sockets of a workflow in which a wire may end. */
export function endsFor(document: Document, catalogue: Catalogue, wire: Loose & End): readonly End[] {
  return Object.entries(document.nodes).flatMap(([node, { type }]) => {
    const description = own(catalogue.nodes, type);
    const sockets = wire.side === "source" ? description?.inputs : description?.outputs;
    const ends = (sockets ?? []).map(({ name }): End => ({ node, socket: name }));
    return ends.filter((end) => (wire.side === "source" ? isValid(document, catalogue, wire, end) : isValid(document, catalogue, end, wire)));
  });
}

/** Whether a node fits into a wire by its types: something of it takes what comes, and something goes on. */
export function passes(catalogue: Catalogue, node: Description, source: string, target: string): boolean {
  return node.inputs.some((input) => accepts(catalogue, input.type, source)) && node.outputs.some((output) => accepts(catalogue, target, output.type));
}

/** The document with a node put into a wire: what came goes into it, and what it makes goes on; null if it does not fit. */
export function between(document: Document, catalogue: Catalogue, id: string, into: End): Document | null {
  const from = linksOf(document, into.node).find(([socket]) => socket === into.socket)?.[1];
  const description = own(catalogue.nodes, own(document.nodes, id)?.type ?? "");
  if (!from || !description || from.node === id || into.node === id) return null;
  const free = description.inputs.filter((input) => own(own(document.nodes, id)?.links, input.name) === undefined);
  const input = free.find((each) => isValid(document, catalogue, from, { node: id, socket: each.name }));
  if (!input) return null;
  const entered = connect(document, from, { node: id, socket: input.name });
  const output = description.outputs.find((each) => isValid(entered, catalogue, { node: id, socket: each.name }, into));
  return output ? connect(entered, { node: id, socket: output.name }, into) : null;
}
