import { describe, expect, test } from "vitest";

import * as documents from "../src/document";
import { EMPTY, type Document } from "../src/document";
import { begin, record, redo, settle, undo, type History } from "../src/history";
import { readJson, writeJson } from "../src/json";

/** A generator of its own, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function anyEdit(document: Document, pick: (below: number) => number): Document {
  const ids = Object.keys(document.nodes);
  const id = () => ids[pick(Math.max(1, ids.length))] ?? "nobody";
  switch (pick(6)) {
    case 0:
    case 1:
      return documents.addNode(document, documents.freshId(document, "Some Node"), "Some Node", [pick(900), pick(900)]);
    case 2:
      return documents.removeNodes(document, new Set([id()]));
    case 3:
      return documents.connect(document, { node: id(), socket: "out" }, { node: id(), socket: `in${pick(3)}` });
    case 4:
      return documents.setValue(document, { node: id(), socket: `in${pick(3)}` }, pick(5));
    default:
      return documents.moveNodes(document, new Map([[id(), [pick(900), pick(900)]]]));
  }
}

const back = (history: History<Document>): History<Document> => {
  let walked = history;
  while (walked.past.length > 0) walked = undo(walked);
  return walked;
};
const forth = (history: History<Document>): History<Document> => {
  let walked = history;
  while (walked.future.length > 0) walked = redo(walked);
  return walked;
};

describe("history", () => {
  test.each([1, 2, 3, 4, 5])("undoing and redoing 2,000 random edits gives the same documents (seed %i)", (seed) => {
    const pick = random(seed);
    let history = begin(EMPTY);
    for (let count = 0; count < 2000; count++) {
      if (pick(5) === 0) history = undo(history);
      else if (pick(8) === 0) history = redo(history);
      else history = record(history, anyEdit(history.present, pick), pick(2) === 0 ? "drag" : null);
      if (pick(3) === 0) history = settle(history);
    }
    const text = writeJson(forth(history).present);
    expect(writeJson(back(history).present)).toBe(writeJson(EMPTY));
    expect(writeJson(forth(back(history)).present)).toBe(text);
  });

  test("edits of one transaction are one step, and what follows it is another", () => {
    const drag = [1, 2, 3].reduce((before, place) => record(before, place, "drag"), begin(0));
    expect(undo(drag).present).toBe(0);
    const dropped = record(settle(drag), 4, "drag");
    expect(undo(dropped).present).toBe(3);
  });

  test("an edit that changes nothing is no step", () => {
    const document = documents.addNode(EMPTY, "a", "A", [0, 0]);
    const history = record(begin(document), documents.moveNodes(document, new Map([["a", [0, 0]]])));
    expect(history.past).toHaveLength(0);
  });
});

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
    expect(() => documents.readDocument("[]")).toThrow(documents.NotAWorkflow);
    expect(() => documents.readDocument("{")).toThrow("This is not JSON");
    expect(() => documents.readDocument('{"nodegraph": 1, "nodes": {"a": {"type": 3}}}')).toThrow("“a”");
  });

  test("a seed beyond 2^53 comes back digit by digit, and text is left alone", () => {
    const text = '{"seed":18446744073709551615,"text":"18446744073709551615 \\"x\\" {\\"$int\\":\\"1\\"}","small":-7,"real":1.5e3}';
    expect(writeJson(readJson(text))).toBe(text.replace("1.5e3", "1500"));
  });
});
