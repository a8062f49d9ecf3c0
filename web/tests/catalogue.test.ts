import { describe, expect, test } from "vitest";

import { accepts, colourOf, defaultOf, fitting, hasSocket, inRange } from "../src/catalogue/catalogue";
import { connect, addNode, EMPTY, type Document } from "../src/document/document";
import { makeFlow } from "../src/layout/flow";
import { GRID, handlesOf, placed, shapeOf, tidy } from "../src/layout/geometry";
import { score, search } from "../src/catalogue/search";
import { catalogue } from "./catalogue";
import shipped from "../../workflows/text_to_image.json";

const nodes = Object.values(catalogue.nodes);
const of = (name: string) => {
  const node = catalogue.nodes[name];
  if (!node) throw new Error(name);
  return node;
};

describe("catalogue", () => {
  test("an output fits where the server's matrix says so, and nowhere else", () => {
    const sources = [...new Set(Object.values(catalogue.accepts).flat()), "str", "toString"];
    for (const target of [...Object.keys(catalogue.accepts), "constructor"]) {
      for (const source of sources) {
        const told = Object.entries(catalogue.accepts).some(([name, fits]) => name === target && fits.includes(source));
        expect(accepts(catalogue, target, source)).toBe(told);
      }
    }
  });

  test("an input that nothing can be wired to has no socket", () => {
    const sockets = of("Prompt").inputs.filter((input) => hasSocket(catalogue, input)).map((input) => input.name);
    expect(sockets).toEqual(["clip"]);
  });

  test("the other end of a wire finds the socket that it fits", () => {
    expect(fitting(catalogue, of("Sampler"), { side: "source", type: "Conditioning" })).toBe("positive");
    expect(fitting(catalogue, of("Count"), { side: "target", type: "float" })).toBe("number");
    expect(fitting(catalogue, of("Prompt"), { side: "source", type: "Latent" })).toBeNull();
  });

  test("every type that outputs have is of a colour of its own", () => {
    const types = [...new Set(nodes.flatMap((node) => node.outputs.map((output) => output.type)))];
    expect(new Set(types.map((type) => colourOf(catalogue, type))).size).toBe(types.length);
  });

  test("defaults and ranges are those of the widget", () => {
    const [, , steps] = of("Sampler").inputs;
    if (!steps?.widget) throw new Error("no widget");
    expect(defaultOf(steps)).toBe(20);
    expect([1, 100, 0, 101, 1.5, "fast"].map((value) => steps.widget && inRange(steps.widget, value))).toEqual([
      true, true, false, false, false, false,
    ]);
  });
});

describe("search", () => {
  test("a few letters find the node that begins with them", () => {
    expect(search(nodes, "samp")[0]?.name).toBe("Sampler");
    expect(search(nodes, "lm")[0]?.name).toBe("LoadModel");
  });
  test("letters that are not there find nothing", () => {
    expect(score("xyz", "Sampler")).toBeNull();
    expect(search(nodes, "xyz")).toEqual([]);
  });
  test("without a query all nodes come, by category", () => {
    const found = search(nodes, "").map((node) => node.category);
    expect(found).toEqual([...found].sort());
    expect(found).toHaveLength(nodes.length);
  });
});

describe("geometry", () => {
  const wired = connect(
    addNode(addNode(EMPTY, "one", "LoadModel", [0, 0]), "two", "Prompt", [0, 0]),
    { node: "one", socket: "clip" }, { node: "two", socket: "clip" },
  );

  test("sockets and sizes are on the grid", () => {
    for (const node of nodes) {
      const shape = shapeOf(node, { type: node.name }, undefined, { picture: true, message: true });
      expect(shape.height % GRID).toBe(0);
      expect(handlesOf(catalogue, node, shape).every((handle) => handle.y % (GRID / 2) === 0 && handle.y < shape.height)).toBe(true);
    }
  });

  test("a node is right of what it uses, and none covers another", () => {
    const places = tidy(wired, catalogue);
    expect((places.get("two")?.[0] ?? 0) > (places.get("one")?.[0] ?? 0)).toBe(true);
  });

  test("a circle is laid out too", () => {
    const circle: Document = { nodegraph: 1, nodes: { a: { type: "A", links: { x: "b.o" } }, b: { type: "B", links: { x: "a.o" } } } };
    expect(tidy(circle, catalogue).size).toBe(2);
  });

  test("a workflow that has places keeps them, and one without gets some", () => {
    const bare = { nodegraph: 1, nodes: shipped.nodes } as unknown as Document;
    expect(placed(wired, catalogue)).toBe(wired);
    expect(Object.keys(placed(bare, catalogue).view ?? {})).toHaveLength(Object.keys(shipped.nodes).length);
  });

  test("a change of one node leaves the others as they were", () => {
    const flow = makeFlow();
    const rest = { catalogue, selected: new Set<string>(), wires: new Set<string>(), tall: new Set<string>(), noted: new Set<string>() };
    const before = flow({ document: wired, ...rest });
    const after = flow({ document: wired, ...rest, selected: new Set(["two"]) });
    expect(after.nodes[0]).toBe(before.nodes[0]);
    expect(after.nodes[1]).not.toBe(before.nodes[1]);
    expect(after.edges[0]).toBe(before.edges[0]);
  });
});
