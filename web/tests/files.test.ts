import { describe, expect, test } from "vitest";

import type { Saved } from "../src/api";
import { difference, summary } from "../src/document/difference";
import { addNode, connect, disconnect, moveNodes, removeNodes, setValue, setView, EMPTY } from "../src/document/document";
import { renameNode } from "../src/document/fragment";
import { shortened, wordDiff } from "../src/document/words";
import { ago, foldersIn, grouped, matching, plainName, shelf, trail } from "../src/keeping/shelf";
import { catalogue } from "./catalogue";
import { random } from "./random";

const saved = (name: string, at = 0): Saved => ({ name, version: "", at });
const all = [saved("a", 1), saved("cats/one", 2), saved("cats/two", 3), saved("cats/old/three", 1)];

describe("shelf", () => {
  test("a folder shows what is in it, the newest first, and the folders below", () => {
    expect(shelf(all, "").folders).toEqual([{ path: "cats", name: "cats", count: 3 }]);
    expect(shelf(all, "").workflows.map(({ name }) => name)).toEqual(["a"]);
    expect(shelf(all, "cats").workflows.map(({ name }) => name)).toEqual(["cats/two", "cats/one"]);
    expect(shelf(all, "cats").folders).toEqual([{ path: "cats/old", name: "old", count: 1 }]);
    expect(foldersIn(all)).toEqual(["cats", "cats/old"]);
    expect(trail("cats/old")).toEqual([{ name: "cats", path: "cats" }, { name: "old", path: "cats/old" }]);
  });

  test("a search finds all words, in any folder", () => {
    expect(matching(all, "T CATS o").map(({ name }) => name)).toEqual(["cats/two", "cats/one", "cats/old/three"]);
    expect(matching(all, "cats three").map(({ name }) => name)).toEqual(["cats/old/three"]);
    expect(matching(all, "dog")).toEqual([]);
  });

  test("any title becomes a name that the server takes", () => {
    const names = ["Training 1: the pictures", "star (2).final", "Gem\u00e4lde, gro\u00df", "..", "<b>x</b>", "a/b/c/d/e", "x".repeat(99), "Text to image"].map(plainName);
    expect(names).toEqual(["Training 1 the pictures", "star 2 .final", "Gemalde gro", "untitled", "b x/b", "b/c/d/e", "x".repeat(60), "Text to image"]);
    expect(names.map(plainName)).toEqual(names);
  });

  test("templates are grouped in the order in which they come", () => {
    const template = (name: string) => ({ name, title: name, about: "", picture: false });
    const groups = grouped(["one", "lessons/1", "training/x", "lessons/2"].map(template));
    expect(groups.map(({ title, templates }) => [title, templates.length])).toEqual([["Begin", 1], ["Learn", 2], ["Training", 1]]);
  });

  test("times are told by how long ago they were", () => {
    const now = new Date("2026-11-25T12:00:00Z");
    const told = (seconds: number) => ago(now.getTime() / 1000 - seconds, now);
    expect([3, 45, 120, 7300, 100000].map(told)).toEqual(["just now", "40 s ago", "2 min ago", "2 h ago", "1 day ago"]);
  });
});

describe("difference", () => {
  const base = connect(
    addNode(addNode(EMPTY, "load", "LoadModel", [0, 0]), "prompt", "Prompt", [300, 0], { text: "a red heart" }),
    { node: "load", socket: "clip" }, { node: "prompt", socket: "clip" },
  );
  const between = (after: typeof base) => difference(base, after, catalogue);

  test("nothing changed is told so", () => {
    expect(summary(between(base))).toEqual(["No difference"]);
  });

  test("values, wires, modes, added and removed nodes are told by node", () => {
    const valued = between(setValue(base, { node: "prompt", socket: "text" }, "a blue heart"));
    expect(valued.entries).toEqual([
      { id: "prompt", title: "Prompt", kind: "changed", lines: [{ label: "text", socket: "text", old: "a red heart", new: "a blue heart" }] },
    ]);
    const cut = between(disconnect(base, [{ node: "prompt", socket: "clip" }]));
    expect(cut.entries[0]?.lines).toEqual([{ label: "clip", socket: "clip", old: "from load.clip", new: null }]);
    const fewer = between(addNode(removeNodes(base, new Set(["load"])), "count", "Count", [9, 9]));
    expect(fewer.entries.map(({ id, kind }) => [id, kind])).toEqual([["load", "removed"], ["prompt", "changed"], ["count", "added"]]);
  });

  test("what has only moved is summed up, and another id is no other node", () => {
    const moved = between(moveNodes(base, new Map([["load", [8, 8]], ["prompt", [9, 9]]])));
    expect([moved.entries, summary(moved)]).toEqual([[], ["2 nodes moved"]]);
    const named = between(renameNode(base, "load", "loader"));
    expect(named.entries.map(({ id, kind }) => [id, kind])).toEqual([["loader", "changed"]]);
    expect(between(setView(base, "load", { title: "Mine" })).entries[0]?.lines[0]).toEqual({ label: "Title", socket: "", old: null, new: "Mine" });
  });
});

describe("words", () => {
  const text = (words: ReturnType<typeof wordDiff>, but: "old" | "new") => words.filter(({ kind }) => kind !== but).map((word) => word.text).join("");

  test("a changed word is told as gone and come", () => {
    expect(wordDiff("a red heart", "a blue heart")).toEqual([
      { kind: "same", text: "a " }, { kind: "old", text: "red" }, { kind: "new", text: "blue" }, { kind: "same", text: " heart" },
    ]);
  });

  test.each([1, 2, 3])("both texts can be read out of the difference (seed %i)", (seed) => {
    const pick = random(seed);
    for (let count = 0; count < 200; count++) {
      const any = () => Array.from({ length: pick(12) }, () => ["red", "blue", ", ", " ", "heart", "(a:1.2)"][pick(6)]).join("");
      const [before, after] = [any(), any()];
      const words = wordDiff(before, after);
      expect([text(words, "new"), text(words, "old")]).toEqual([before, after]);
    }
  });

  test("long parts are shortened", () => {
    const long = "word ".repeat(100);
    expect(shortened(wordDiff(`${long}a`, `${long}b`))[0]?.text.length).toBeLessThan(60);
    expect(shortened(wordDiff("", "word ".repeat(2000)))[0]?.text.length).toBeLessThan(410);
  });
});
