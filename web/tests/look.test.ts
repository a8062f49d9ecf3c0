import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import type { Problem } from "../src/api";
import type { Document, NodeData } from "../src/document/document";
import { read, type Draft } from "../src/keeping/draft";
import { formatJson } from "../src/document/format";
import { readJson } from "../src/document/json";
import { beside, cornerAt } from "../src/layout/place";
import { plotOf, pngSize, shownSize } from "../src/running/plot";
import { allProblems } from "../src/running/problems";
import { readDocument } from "../src/document/reading";
import { IDLE, type RunState } from "../src/running/run";
import { lineOf, lineStarts, scan } from "../src/document/scan";
import { staleNodes } from "../src/running/stale";

const EXAMPLE = readFileSync(new URL("../../workflows/text_to_image.json", import.meta.url), "utf-8");

/** The same numbers in every run. */
function dice(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * most);
  };
}

function anything(roll: (most: number) => number, depth: number): unknown {
  const [count, kind] = [roll(5), roll(depth > 3 ? 6 : 8)];
  if (kind === 6) return Array.from({ length: count }, () => anything(roll, depth + 1));
  if (kind === 7) return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k"${index}\\`, anything(roll, depth + 1)]));
  return [null, true, -0.5e-7, { $int: "18446744073709551615" }, "“a”\n\u0001<b>", "x".repeat(roll(200))][kind];
}

test("a text that is made of a value reads back as that value, with what is short on one line", () => {
  const roll = dice(1);
  for (let turn = 0; turn < 300; turn++) {
    const value = anything(roll, 0);
    expect(readJson(formatJson(value))).toEqual(value);
  }
  const text = formatJson(readJson(EXAMPLE));
  expect(text).toContain('\n    "loader": {"type": "LoadCheckpoint", "values": {"name": "emoji-64.safetensors"}},\n');
  expect(text).toContain('\n    "loader": {"at": [0, 0]},\n');
  const lines = text.split("\n");
  expect(lines.filter((line) => line.length > 120 && !line.includes('"text"') && !line.includes('"note"'))).toEqual([]);
  expect(formatJson({ a: undefined, b: [], c: {} })).toBe('{\n  "b": [],\n  "c": {}\n}');
});

test("what is not JSON is told with its place, and nothing else is", () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const roll = dice(2);
  const short = '{"nodes": {"a": {"type": "A", "values": {"x": [1, -2.5e3, true, null, "\\u00e9"]}}}, "view": {}}';
  const signs = '{}[],:"\\01.eE-tu \n\u0001';
  for (let turn = 0; turn < 3000; turn++) {
    const [at, gone, sign] = [roll(short.length), roll(3), signs[roll(signs.length)] ?? ""];
    const text = short.slice(0, at) + (roll(2) ? sign : "") + short.slice(at + gone);
    expect([text, scan(text).fault === null]).toEqual([text, isJson(text)]);
  }
  expect(scan('{"a": 1,\n}').fault).toEqual({ at: 9, reason: "Expected a name in quotes, got “}”." });
  expect(scan('{"a": 1  ').fault).toEqual({ at: 7, reason: "Expected a comma or “}”, got the end." });
  expect(scan('{"a": "b\n"}').fault?.at).toBe(6);
});

test("each node is found in the text, on its lines", () => {
  const { places } = scan(EXAMPLE);
  const starts = lineStarts(EXAMPLE);
  expect(places.filter(({ part }) => part === "nodes").map(({ node }) => node)).toEqual(Object.keys(readDocument(EXAMPLE).nodes));
  const prompt = places.find(({ node }) => node === "prompt");
  expect(EXAMPLE.slice(prompt?.from, prompt?.to)).toMatch(/^"prompt": \{[^]*"loader\.clip"\}\s+\}$/);
  expect([prompt?.from, prompt?.to].map((at) => lineOf(starts, at ?? 0))).toEqual([4, 8]);
  expect([0, 1, 2, 3].map((at) => lineOf(lineStarts("a\n\nb"), at))).toEqual([0, 0, 1, 2]);
});

const written = (text: string, said: Document): Draft => ({ text, said, wrong: null, unread: true });

test("a text changes what it says otherwise, and no other object; what the canvas did meanwhile stays", () => {
  const before = readDocument(EXAMPLE);
  expect(read(written(EXAMPLE, before), before)).toBe(before);
  const after = read(written(EXAMPLE.replace('"seed": 1', '"seed": 18446744073709551615'), before), before) as Document;
  expect(after.nodes.noise?.values?.seed).toEqual({ $int: "18446744073709551615" });
  expect(Object.keys(before.nodes).filter((id) => before.nodes[id] !== after.nodes[id])).toEqual(["noise"]);
  expect(after.view).toBe(before.view);
  const moved: Document = { ...before, view: { ...before.view, save: { at: [1, 2] } } };
  const both = read(written(EXAMPLE.replace("purple", "green"), before), moved) as Document;
  expect([both.view?.save, both.nodes.prompt?.values?.text]).toEqual([{ at: [1, 2] }, "a green frog on a black background"]);
  const gone: Document = { ...before, nodes: Object.fromEntries(Object.entries(before.nodes).filter(([id]) => id !== "prompt")) };
  expect(readDocument(formatJson(read(written(EXAMPLE.replace("purple", "green"), before), gone))).nodes.prompt?.type).toBe("CLIPTextEncode");
});

test("a text that says no workflow is told by line and column", () => {
  const before = readDocument(EXAMPLE);
  expect(read(written('{\n  "nodegraph": 1,,\n}', before), before)).toMatchObject({ line: 2, column: 18, at: 19 });
  const wrong = read(written(EXAMPLE.replace('{"type": "CLIPTextEncode", "values": {"text": ""}', '{"values": {"text": ""}'), before), before);
  expect(wrong).toMatchObject({ line: 10, column: 5, reason: expect.stringContaining("“negative”") as string });
});

const node = (links: Record<string, string> = {}, values: NodeData["values"] = {}): NodeData => ({ type: "T", values, links });

test("what has changed is stale, and whatever follows from it", () => {
  const ran = { a: node(), b: node({ x: "a.out" }), c: node({ x: "b.out", y: "d.out" }), d: node(), constructor: node({ x: "d.out" }) };
  const stale = (change: Record<string, NodeData>) => [...staleNodes(ran, { ...ran, ...change })].sort();
  expect(staleNodes(ran, structuredClone(ran)).size).toBe(0);
  expect(stale({ b: node({ x: "a.out" }, { v: 1 }) })).toEqual(["b", "c"]);
  expect(stale({ b: { ...ran.b, mode: "mute" } })).toEqual(["b", "c"]);
  expect(stale({ d: { ...ran.d, type: "U" } })).toEqual(["c", "constructor", "d"]);
  expect(stale({ c: node({ y: "d.out", x: "b.out" }) })).toEqual([]);
  expect(stale({ new: node(), a: node({ x: "c.out" }) })).toEqual(["a", "b", "c", "new"]);
  const { d, ...rest } = ran;
  expect(d).toBeDefined();
  // What lost its source by the removal has another link, or none, in the document itself.
  expect([...staleNodes(ran, { ...rest, c: node({ x: "b.out" }) })]).toEqual(["c"]);
});

test("two thousand nodes in a row are compared within a frame", () => {
  const chain = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`n${index}`, node(index === 0 ? {} : { x: `n${index - 1}.out` })]));
  const start = performance.now();
  expect(staleNodes(chain, { ...chain, n0: node({}, { v: 1 }) }).size).toBe(2000);
  expect(performance.now() - start).toBeLessThan(100);
});

test("a failed run is a problem of the node that failed", () => {
  const problem: Problem = { node: "a", socket: "x", message: "m", pointer: "", expected: null, got: null, hint: null };
  const failed: RunState = { ...IDLE, state: "failed", nodes: { b: { state: "failed", message: "no", hint: "try" } }, reason: { kind: "error", message: "b: no", node: null, hint: null } };
  expect(allProblems([problem], failed)).toEqual([problem, { ...problem, node: "b", socket: null, message: "no", hint: "try" }]);
  expect(allProblems([problem], { ...failed, state: "done" })).toEqual([problem]);
});

test("a tip is never over what it is about, and a card keeps the corner at the pointer", () => {
  const roll = dice(3);
  for (let turn = 0; turn < 500; turn++) {
    const [left, top, width, height] = [roll(1200), roll(700), 8 + roll(200), 8 + roll(40)];
    const [x, y] = beside([left, top, left + width, top + height], [300, 100 + roll(100)], [1280, 800], ["below", "above", "right", "left"]);
    const size = [300, 100];
    expect(x + (size[0] ?? 0) <= left || x >= left + width || y + (size[1] ?? 0) <= top || y >= top + height).toBe(true);
  }
  expect(cornerAt([100, 100], 264, 360, [1280, 800])).toEqual({ left: 116, top: 116, maxHeight: 676 });
  expect(cornerAt([1200, 700], 264, 360, [1280, 800])).toEqual({ left: 920, bottom: 116, maxHeight: 676 });
});

test("curves and pictures are drawn within their bounds", () => {
  expect(plotOf([4, 2, 0], 100, 50)).toEqual({ points: "0.0,0.0 50.0,25.0 100.0,50.0", least: "0", most: "4", first: "4", last: "0" });
  expect(plotOf([14.614642], 100, 50)).toMatchObject({ points: "0.0,25.0 100.0,25.0", first: "14.61" });
  expect(plotOf([], 100, 50)).toBeNull();
  expect(shownSize([8, 8], [238, 192])).toEqual([192, 192]);
  expect(shownSize([476, 100], [238, 192])).toEqual([238, 50]);
  const png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAQCAIAAAA=";
  expect(pngSize(png)).toEqual([8, 16]);
});
