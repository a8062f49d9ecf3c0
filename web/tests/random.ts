/** Random work on a workflow, from a seed, so that a failure can be repeated. */

import * as documents from "../src/document/document";
import { type Document, type Point } from "../src/document/document";
import { extract, insert, renameNode } from "../src/document/fragment";
import * as scenery from "../src/document/scenery";
import { catalogue } from "./catalogue";
import { between } from "../src/document/wiring";

export type Pick = (below: number) => number;

export function random(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const TYPES = Object.keys(catalogue.nodes);

/** Something that people do, to something that may or may not be there. */
export function anyEdit(document: Document, pick: Pick): Document {
  const one = (names: readonly string[]) => names[pick(Math.max(1, names.length))] ?? "nobody";
  const id = () => one(Object.keys(document.nodes));
  const at = (): Point => [pick(900), pick(900)];
  const end = () => ({ node: id(), socket: `in${pick(3)}` });
  const some = new Set([id(), id(), id()]);
  const frames = Object.keys(scenery.framesOf(document));
  const notes = Object.keys(scenery.notesOf(document));
  const all = { nodes: some, frames: new Set(frames.slice(0, 1)), notes: new Set(notes.slice(0, 1)) };
  const acts: readonly (() => Document)[] = [
    () => documents.addNode(document, documents.freshId(document, one(TYPES)), one(TYPES), at()),
    () => documents.addNode(document, documents.freshId(document, `${pick(30)}`), one(TYPES), at()),
    () => documents.removeNodes(document, some),
    () => documents.connect(document, { node: id(), socket: "out" }, end()),
    () => documents.disconnect(document, [end(), end()]),
    () => documents.setValue(document, end(), ["a long prompt ", "with words ", "x"].slice(0, pick(4)).join("") + "tail"),
    () => documents.setValue(document, end(), pick(5)),
    () => documents.moveNodes(document, new Map([...some].map((each) => [each, at()]))),
    () => documents.setView(document, id(), { title: `title ${pick(9)}`, collapsed: pick(2) === 0 ? true : undefined }),
    () => documents.changeNode(document, id(), (node) => ({ ...node, mode: pick(2) === 0 ? "mute" : "bypass" })),
    () => scenery.addItem(document, ".frames", documents.freeName(scenery.framesOf(document), "frame"), { title: "F", at: at(), size: at() }),
    () => scenery.addItem(document, ".notes", documents.freeName(scenery.notesOf(document), "note"), { text: "N", at: at(), size: at() }),
    () => scenery.changeItem(document, ".notes", one(notes), { text: `text ${pick(99)}` }),
    () => scenery.removeItems(document, ".frames", new Set([one(frames)])),
    () => scenery.addDot(document, end(), at(), [at(), at()]),
    () => insert(document, extract(document, all), at(), pick(2) === 0).document,
    () => renameNode(document, id(), `name_${pick(20)}`),
    () => between(document, catalogue, id(), end()) ?? document,
    () => ({ ...document, nodes: Object.fromEntries(Object.entries(document.nodes).reverse()) }),
  ];
  return (acts[pick(acts.length)] ?? (() => document))();
}
