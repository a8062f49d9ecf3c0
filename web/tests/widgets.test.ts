import { describe, expect, it } from "vitest";

import { withPicture } from "../src/actions/images";
import type { Catalogue } from "../src/catalogue/catalogue";
import { hexOf } from "../src/widgets/colors";
import { EMPTY, type Document } from "../src/document/document";
import { findNodes } from "../src/catalogue/finding";
import { shapeOf } from "../src/layout/geometry";
import { nudged, partOf, pulled, settledAt, type Range } from "../src/widgets/numbers";
import { grouped, socketOffers, suitable } from "../src/catalogue/offers";
import { bound, holder, isNeeded, restored } from "../src/keyboard/rebinding";
import { pickFrom } from "../src/widgets/pick";
import { passes } from "../src/document/wiring";
import { catalogue } from "./catalogue";

const range = (min: number | null, max: number | null, step: number | null, whole: boolean): Range => ({ kind: "range", min, max, step, whole });
const free = { shiftKey: false, altKey: false };

describe("numbers that are pulled", () => {
  const size = range(16, 4096, 8, true);
  const part = range(0, 1, 0.05, false);

  it("go by steps, ten at once with Shift, a tenth with Alt", () => {
    expect(settledAt(size, pulled(size, 512, 6, free), free)).toBe(528);
    expect(settledAt(size, pulled(size, 512, 6, { ...free, shiftKey: true }), free)).toBe(672);
    expect(settledAt(part, pulled(part, 0.5, 3, { ...free, altKey: true }), { altKey: true })).toBe(0.505);
    expect(settledAt(part, pulled(part, 0.35, 3, free), free)).toBe(0.4);
  });

  it("add up over a slow drag, stop at the ends and turn round there at once", () => {
    let at = 512;
    for (let pixel = 0; pixel < 60; pixel++) at = pulled(size, at, 1, { ...free, altKey: true });
    expect(settledAt(size, at, { altKey: true })).toBe(528);
    expect(pulled(part, pulled(part, 0.5, 900, free), -3, free)).toBeCloseTo(0.95);
    const odd = range(1, 100, 8, true);
    expect([settledAt(odd, pulled(odd, 9, -90, free), free), settledAt(odd, 100, free)]).toEqual([1, 100]);
  });

  it("know their place in the range, and are nudged within it", () => {
    expect([partOf(size, 16), partOf(part, 0.25), partOf(part, 7), partOf(part, "x"), partOf(range(0, null, 1, true), 3)]).toEqual([0, 0.25, 1, null, null]);
    expect([nudged(part, 0.3, 1), nudged(part, 1, 10), nudged(size, 512, -1)]).toEqual([0.35, 1, 504]);
  });
});

it("a colour is read as people write it", () => {
  expect(["#FF8000", "ff8000", "0a5", "#0a5 "].map(hexOf)).toEqual(["#ff8000", "#ff8000", "#00aa55", "#00aa55"]);
  expect(["", "#12345", "red", "#0a5b"].map(hexOf)).toEqual([null, null, null, null]);
});

it("a list of options is searched, and keeps its order without a query", () => {
  const options = ["euler", "dpmpp_2m", 3, "dpmpp_2m_sde"];
  expect(pickFrom(options, "").map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  expect(pickFrom(options, "dpm2m").map(({ name }) => name)).toEqual(["dpmpp_2m", "dpmpp_2m_sde"]);
  expect(pickFrom(options, "3").map(({ name }) => name)).toEqual(["3"]);
});

describe("keys of one's own", () => {
  const commands = [
    { id: "run", title: "Run", keys: ["Ctrl+Enter"] }, { id: "fit", title: "Show all", keys: ["F"] },
    { id: "redo", title: "Redo", keys: ["Ctrl+Y", "Ctrl+Shift+Z"] }, { id: "copy", title: "Copy", keys: ["Ctrl+C"], fixed: true },
  ];

  it("tell who has a key, and take it over", () => {
    expect(holder(commands, {}, "run", "F")?.id).toBe("fit");
    expect(holder(commands, { fit: [] }, "run", "F")).toBeNull();
    expect(holder(commands, { copy: ["X"] }, "run", "Ctrl+C")?.id).toBe("copy");
    expect(bound(commands, {}, "run", "F")).toEqual({ run: ["F"], fit: [] });
    expect(bound(commands, {}, "fit", "Ctrl+Y")).toEqual({ fit: ["Ctrl+Y"], redo: ["Ctrl+Shift+Z"] });
  });

  it("go back to what they were, also where another command has them now", () => {
    const taken = bound(commands, {}, "run", "F");
    expect(restored(commands, taken, "fit")).toEqual({ run: [] });
    expect(restored(commands, restored(commands, taken, "run"), "fit")).toEqual({});
    expect(bound(commands, {}, "fit", "F")).toEqual({});
    expect(["Tab", "Enter", "Ctrl+Enter", "F"].map(isNeeded)).toEqual([true, true, false, false]);
  });
});

const workflow: Document = {
  nodegraph: 1,
  nodes: {
    loader: { type: "LoadModel" },
    mine: { type: "Prompt", values: { text: "a small house\nby the <b>lake</b>" }, links: { clip: "loader.clip" } },
    sampler: { type: "Sampler", values: { steps: 31 }, links: { model: "loader.model" } },
  },
  view: { mine: { title: "What to paint" } },
};

it("a node is found by title, id, type and values, names before texts", () => {
  const found = (query: string) => findNodes(workflow, catalogue, query).map(({ node }) => node);
  expect(found("")).toEqual(["loader", "mine", "sampler"]);
  expect([found("paint"), found("Prompt"), found("LoadMod"), found("nothing of it")]).toEqual([["mine"], ["mine"], ["loader"], []]);
  expect(findNodes(workflow, catalogue, "THE <b>")[0]).toMatchObject({ node: "mine", said: { socket: "text", text: "a small house\nby the <b>lake</b>" } });
  expect(findNodes(workflow, catalogue, "31")).toMatchObject([{ node: "sampler", said: { socket: "steps", text: "31" } }]);
});

describe("what the palette offers", () => {
  const liking = { favourites: ["Sampler"], recent: ["Prompt", "Sampler", "Gone"] };

  it("favourites, then what was used last, then all by category; of a query the favourites first", () => {
    const groups = grouped([], Object.values(catalogue.nodes), "", liking);
    expect(groups.map(({ title }) => title)).toEqual(["Favourites", "Used last", "image", "loaders", "models", "numbers", "sampling", "text"]);
    expect(groups.slice(0, 2).map(({ offers }) => offers.map(({ title }) => title))).toEqual([["Sampler"], ["Prompt"]]);
    expect(new Set(groups.flatMap(({ offers }) => offers.map(({ id }) => id))).size).toBe(8);
    expect(grouped([], Object.values(catalogue.nodes), "sa", { ...liking, favourites: [] })[0]?.offers[0]?.title).toBe("Sampler");
  });

  it("for a wire the sockets that are there, and what fits it", () => {
    const wire = { node: "mine", socket: "conditioning", side: "source", type: "Conditioning" } as const;
    const sockets = socketOffers(workflow, catalogue, { wire, present: true });
    expect(sockets).toMatchObject([{ title: "sampler · positive", detail: "Conditioning", end: { node: "sampler", socket: "positive" } }]);
    expect(socketOffers(workflow, catalogue, { wire, present: false })).toEqual([]);
    const nodes = suitable(workflow, catalogue, { wire, into: null });
    expect(nodes.map(({ name }) => name)).toEqual(["Sampler", "Show"]);
    expect(grouped(sockets, nodes, "pos", liking)[0]).toMatchObject({ title: "In this workflow", offers: [{ title: "sampler · positive" }] });
  });

  it("into a wire only what takes what comes and gives what goes on", () => {
    expect(suitable(workflow, catalogue, { wire: null, into: { node: "sampler", socket: "model" } }).map(({ name }) => name)).toEqual(["Patch"]);
    expect(suitable(workflow, catalogue, { wire: null, into: { node: "sampler", socket: "positive" } })).toEqual([]);
    const show = catalogue.nodes["Show"];
    expect(show && passes(catalogue, show, "Model", "Model")).toBe(false);
  });
});

describe("pictures and lists", () => {
  const input = { type: "Path", required: true, default: null, nullable: false, help: "" };
  const node = { title: "", category: "", help: "", docs: "", effect: false, outputs: [] };
  const more: Catalogue = {
    ...catalogue,
    nodes: {
      Weights: { ...node, name: "Weights", inputs: [{ ...input, name: "file", widget: { kind: "file", folder: "models" } }] },
      Load: { ...node, name: "Load", inputs: [{ ...input, name: "picture", widget: { kind: "file", folder: "input" } }] },
      List: { ...node, name: "List", inputs: [{ ...input, name: "all", default: [1], widget: { kind: "many", item: range(0, 1, null, false) } }] },
    },
  };

  it("a picture makes a node that reads it", () => {
    expect(withPicture(EMPTY, more, "cat.png", [300, 100])).toEqual({
      id: "load", document: { nodegraph: 1, nodes: { load: { type: "Load", values: { picture: "cat.png" } } }, view: { load: { at: [192, 104] } } },
    });
    expect(withPicture(EMPTY, catalogue, "cat.png", [0, 0])).toBeNull();
  });

  it("rows are as high as what is in them", () => {
    const height = (type: string, values = {}) => shapeOf(more.nodes[type], { type, values }, undefined, { picture: false, message: false }).height;
    expect(height("Load") - height("Weights")).toBe(96);
    expect(height("List") - height("List", { all: [] })).toBe(32);
    expect(height("List", { all: Array(50).fill(0) }) - height("List", { all: [] })).toBe(6 * 32);
  });
});
