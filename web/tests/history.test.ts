import { describe, expect, test } from "vitest";

import { addNode, moveNodes, EMPTY, type Document } from "../src/document/document";
import { begin, record, redo, settle, undo, type History } from "../src/document/history";
import { readJson, writeJson } from "../src/document/json";
import { apply, diff, inverse } from "../src/document/patch";
import { anyEdit, random } from "./random";

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
/** As after a reload: what the database gives back shares nothing with what was there. */
const reloaded = (history: History<Document>): History<Document> => ({ ...(structuredClone(history)), open: null });

describe("history", () => {
  test.each([1, 2, 3, 4, 5])("undoing and redoing 2,000 random actions gives the same documents, bit for bit (seed %i)", (seed) => {
    const pick = random(seed);
    let history = begin(EMPTY);
    for (let count = 0; count < 2000; count++) {
      if (pick(5) === 0) history = undo(history);
      else if (pick(8) === 0) history = redo(history);
      else history = record(history, anyEdit(history.present, pick), pick(2) === 0 ? "drag" : null);
      if (pick(3) === 0) history = settle(history);
      if (pick(200) === 0) history = reloaded(history);
    }
    const text = writeJson(forth(history).present);
    expect(text.length).toBeGreaterThan(200);
    expect(writeJson(back(history).present)).toBe(writeJson(EMPTY));
    expect(writeJson(forth(back(history)).present)).toBe(text);
  });

  test("edits of one transaction are one step, and what follows it is another", () => {
    const drag = [1, 2, 3].reduce((before, place) => record(before, place, "drag"), begin(0));
    expect(undo(drag).present).toBe(0);
    expect(redo(undo(drag)).present).toBe(3);
    const dropped = record(settle(drag), 4, "drag");
    expect(undo(dropped).present).toBe(3);
  });

  test("an edit that changes nothing is no step, nor is a drag that ends where it began", () => {
    const document = addNode(EMPTY, "a", "A", [0, 0]);
    expect(record(begin(document), moveNodes(document, new Map([["a", [0, 0]]]))).past).toHaveLength(0);
    const away = record(begin(document), moveNodes(document, new Map([["a", [8, 8]]])), "move");
    const home = settle(record(away, moveNodes(away.present, new Map([["a", [0, 0]]])), "move"));
    expect(home.past).toHaveLength(0);
  });

  test("a letter in a long prompt costs a small step", () => {
    const long = { text: "word ".repeat(2000) };
    const step = record(begin(long), { text: `${long.text}x` });
    expect(JSON.stringify(step.past).length).toBeLessThan(100);
  });
});

describe("patch", () => {
  test.each([11, 12, 13])("a patch turns one document into the other, both ways, and survives being written (seed %i)", (seed) => {
    const pick = random(seed);
    let before: Document = EMPTY;
    for (let count = 0; count < 300; count++) {
      let after = before;
      for (let edits = pick(4); edits >= 0; edits--) after = anyEdit(after, pick);
      const patch = readJson(writeJson(diff(before, after))) as ReturnType<typeof diff>;
      expect(writeJson(apply(patch, before))).toBe(writeJson(after));
      expect(writeJson(apply(inverse(patch), after))).toBe(writeJson(before));
      before = after;
    }
  });

  test("what did not change stays the same object", () => {
    const before = { a: { x: 1 }, b: { y: 2 } };
    const after = apply(diff(before, { ...before, b: { y: 3 } }), before);
    expect(after.a).toBe(before.a);
  });
});
