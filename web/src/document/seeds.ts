/** Seeds that change by themselves: before a run, so that the seed that is seen is the one of the picture that is seen. */

import type { Catalogue } from "../catalogue/catalogue";
import { own, setValue, viewOf, type Document } from "./document";
import type { Json } from "./json";

export const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;

/** The document with a new seed where the mode is random, and the next one where it is step; wired inputs stay. */
export function seedsTurned(document: Document, catalogue: Catalogue, random: () => number = randomSeed): Document {
  return Object.keys(document.nodes).reduce((before, node) => {
    const modes = Object.entries(viewOf(document, node)?.seeds ?? {});
    return modes.reduce((next, [socket, mode]) => {
      const { type, values, links } = own(before.nodes, node) ?? { type: "" };
      const input = own(catalogue.nodes, type)?.inputs.find((each) => each.name === socket);
      if (!input || own(links, socket) !== undefined) return next;
      const seed = own(values, socket) ?? input.default;
      return setValue(next, { node, socket }, mode === "random" ? random() : following(seed));
    }, before);
  }, document);
}

/** The seed after another; after one beyond what numbers tell exactly, as well. */
function following(seed: Json): Json {
  if (typeof seed === "number" && Number.isSafeInteger(seed + 1)) return seed + 1;
  return 0;
}
