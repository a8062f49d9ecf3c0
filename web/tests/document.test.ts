import { describe, expect, test } from "vitest";

import { align } from "../src/document/align";
import * as documents from "../src/document/document";
import { EMPTY, type Document } from "../src/document/document";
import { extract, insert, isFragment, renameNode } from "../src/document/fragment";
import { readJson, writeJson } from "../src/document/json";
import * as reading from "../src/document/reading";
import { addDot, addItem, dotsOf } from "../src/document/scenery";
import { seedsTurned } from "../src/document/seeds";
import { between, endsFor } from "../src/document/wiring";
import { catalogue } from "./catalogue";

describe("document", () => {
  const two = documents.connect(
    documents.addNode(documents.addNode(EMPTY, "a", "A", [0, 0]), "b", "B", [9, 9]),
    { node: "a", socket: "out" },
    { node: "b", socket: "in" },
  );

  test("a wire takes the place of a literal", () => {
    const written = documents.setValue(documents.disconnect(two, [{ node: "b", socket: "in" }]), { node: "b", socket: "in" }, 3);
    const wired = documents.connect(written, { node: "a", socket: "out" }, { node: "b", socket: "in" });
    expect(wired.nodes.b).toEqual({ type: "B", values: {}, links: { in: "a.out" } });
  });

  test("a literal comes back when the wire goes that took its place", () => {
    const written = documents.setValue(documents.disconnect(two, [{ node: "b", socket: "in" }]), { node: "b", socket: "in" }, 3);
    const wired = documents.connect(written, { node: "a", socket: "out" }, { node: "b", socket: "in" });
    expect(documents.removeNodes(wired, new Set(["a"])).nodes.b).toEqual({ type: "B", values: { in: 3 }, links: {} });
    expect(documents.disconnect(wired, [{ node: "b", socket: "in" }]).view?.b).toEqual({ at: [9, 9] });
  });

  test("a node goes with its wires and its place", () => {
    expect(documents.removeNodes(two, new Set(["a"]))).toEqual({
      nodegraph: 1, nodes: { b: { type: "B", links: {} } }, view: { b: { at: [9, 9] } },
    });
  });

  test("a wire that would close a circle is known", () => {
    expect(documents.leadsTo(two, "a", "b")).toBe(true);
    expect(documents.leadsTo(two, "b", "a")).toBe(false);
  });

  test("an id is a word made of the type, and free", () => {
    expect(documents.freshId(EMPTY, "CLIPTextEncode")).toBe("cliptext_encode");
    expect(documents.freshId(documents.addNode(EMPTY, "vae", "VAE", [0, 0]), "VAE")).toBe("vae_2");
    expect(documents.freshId(EMPTY, "constructor")).toBe("constructor");
  });

  test("what is no workflow is refused with a reason", () => {
    expect(() => reading.readDocument("[]")).toThrow(reading.NotAWorkflow);
    expect(() => reading.readDocument("{")).toThrow("This is not JSON");
    expect(() => reading.readDocument('{"nodegraph": 1, "nodes": {"a": {"type": 3}}}')).toThrow("“a”");
  });

  test("a seed beyond 2^53 comes back digit by digit, and text is left alone", () => {
    const text = '{"seed":18446744073709551615,"text":"18446744073709551615 \\"x\\" {\\"$int\\":\\"1\\"}","small":-7,"real":1.5e3}';
    expect(writeJson(readJson(text))).toBe(text.replace("1.5e3", "1500"));
  });
});

describe("parts of a workflow", () => {
  const chain = ["a", "b", "c"].reduce<Document>((before, id, index) => {
    const added = documents.addNode(before, id, "T", [index * 100, 0]);
    return index === 0 ? added : documents.connect(added, { node: ["a", "b"][index - 1] ?? "", socket: "out" }, { node: id, socket: "in" });
  }, EMPTY);
  const part = extract(chain, { nodes: new Set(["b", "c"]), frames: new Set(), notes: new Set() });

  test("a copy keeps the wires within it, and those from outside only if it is wished", () => {
    const alone = insert(chain, part, [10, 10], false);
    expect(alone.document.nodes.b_2).toEqual({ type: "T" });
    expect(alone.document.nodes.c_2?.links).toEqual({ in: "b_2.out" });
    expect(insert(chain, part, [10, 10], true).document.nodes.b_2?.links).toEqual({ in: "a.out" });
    expect(insert(EMPTY, part, [0, 0], true).document.nodes.b?.links).toBeUndefined();
    expect(documents.viewOf(alone.document, "c_2")?.at).toEqual([210, 10]);
    expect([isFragment(part), isFragment(alone.document)]).toEqual([true, false]);
  });

  test("another id for a node takes its wires along", () => {
    const renamed = renameNode(chain, "b", "middle");
    expect(renamed.nodes.c?.links).toEqual({ in: "middle.out" });
    expect(Object.keys(renamed.nodes)).toEqual(["a", "middle", "c"]);
    expect(renameNode(chain, "b", "a")).toBe(chain);
    expect(renameNode(chain, "b", "x.y")).toBe(chain);
  });

  test("a dot goes between the points of a wire that it is nearest to, and with the wire", () => {
    const to = { node: "b", socket: "in" };
    const dotted = addDot(addDot(chain, to, [50, 0], [[0, 0], [100, 0]]), to, [80, 0], [[0, 0], [50, 0], [100, 0]]);
    expect(dotsOf(dotted, to)).toEqual([[50, 0], [80, 0]]);
    expect(documents.disconnect(dotted, [to]).view?.b).toEqual({ at: [100, 0] });
  });

  test("boxes are lined up, and spread with equal gaps", () => {
    const boxes = new Map([["a", [0, 0, 10, 10]], ["b", [15, 5, 35, 25]], ["c", [90, 9, 100, 19]]] as const);
    expect([...align(boxes, "right").values()].map(([x]) => x)).toEqual([90, 80, 90]);
    expect([...align(boxes, "across").values()].map(([x]) => x)).toEqual([0, 40, 90]);
  });

  test("what is of a wrong type in the view is left out, and what is not known stays", () => {
    const view = { a: { at: "here", title: 3, mine: 1 }, ".frames": { f: { at: [0, 0] }, g: { title: "G", at: [0, 0], size: [1, 1] } }, ".about": { text: "T" } };
    expect(reading.asDocument({ ...chain, view }).view).toEqual({ a: { mine: 1 }, ".frames": { g: view[".frames"].g }, ".about": { text: "T" } });
    const framed = addItem(chain, ".frames", "f", { title: "F", at: [0, 0], size: [9, 9] });
    expect(reading.readDocument(writeJson(framed))).toEqual(framed);
  });
});

describe("wiring", () => {
  const wired = documents.connect(
    documents.addNode(documents.addNode(EMPTY, "load", "LoadModel", [0, 0]), "sampler", "Sampler", [9, 0]),
    { node: "load", socket: "model" }, { node: "sampler", socket: "model" },
  );

  test("a node goes into a wire where both of its sides fit", () => {
    const patched = documents.addNode(wired, "patch", "Patch", [0, 0]);
    const put = between(patched, catalogue, "patch", { node: "sampler", socket: "model" });
    expect(put?.nodes.sampler?.links).toEqual({ model: "patch.model" });
    expect(put?.nodes.patch?.links).toEqual({ model: "load.model" });
    const counted = documents.addNode(wired, "count", "Count", [0, 0]);
    expect(between(counted, catalogue, "count", { node: "sampler", socket: "model" })).toBeNull();
  });

  test("the ends for a wire are those of its type that close no circle", () => {
    const wire = { node: "load", socket: "model", side: "source", type: "Model" } as const;
    expect(endsFor(wired, catalogue, wire)).toEqual([{ node: "sampler", socket: "model" }]);
  });

  test("a seed turns before a run as its mode says, and one that is wired stays", () => {
    const seed = documents.addNode(EMPTY, "s", "Sampler", [0, 0]);
    const turned = (mode: "random" | "step") => seedsTurned(documents.setView(seed, "s", { seeds: { steps: mode } }), catalogue, () => 7);
    expect(turned("random").nodes.s?.values).toEqual({ steps: 7 });
    expect(turned("step").nodes.s?.values).toEqual({ steps: 21 });
    expect(seedsTurned(seed, catalogue)).toBe(seed);
  });
});
