import { expect, test } from "vitest";

import { IDLE, follow, isLive, progress, tell, type Event } from "../src/running/run";
import recorded from "./recorded.json";

const events = recorded as unknown as readonly Event[];

test("a recorded run ends as done, with every node finished and the picture on the node that saved it", () => {
  const run = tell(follow(IDLE, "job"), events);
  expect(run.state).toBe("done");
  expect(Object.values(run.nodes).every((node) => node.state === "finished")).toBe(true);
  expect(Object.keys(run.nodes)).toHaveLength(12);
  expect(Object.keys(run.pictures)).toEqual(["save"]);
  expect(progress(run)).toBe(1);
});

test("progress never goes back while a run goes on", () => {
  let run = follow(IDLE, "job");
  let before = 0;
  for (const event of events) {
    run = tell(run, [event]);
    expect(progress(run)).toBeGreaterThanOrEqual(before);
    before = progress(run);
  }
});

test("events that are told twice change nothing", () => {
  const once = tell(follow(IDLE, "job"), events);
  expect(tell(once, events)).toEqual(once);
});

test("what was told already does not bring an older state back", () => {
  const numbered = events.map((event, index) => ({ ...event, number: index + 1 }));
  const done = tell(follow(IDLE, "job"), numbered);
  expect(done.heard).toBe(numbered.length);
  expect(tell(done, numbered.slice(0, 3))).toBe(done);
  const halves = tell(tell(follow(IDLE, "job"), numbered.slice(0, 9)), numbered.slice(5));
  expect(halves).toEqual(done);
});

test("a failure is on its node, and nothing runs any more", () => {
  const failed: readonly Event[] = [
    { event: "planned", total: 2, pending: 1, reused: 1 },
    { event: "reused", node: "a" },
    { event: "started", node: "b" },
    { event: "failed", node: "b", error: "no", hint: null },
    { event: "job", state: "failed", reason: { kind: "error", message: "no", node: "b", hint: null } },
  ];
  const run = tell(follow(IDLE, "job"), failed);
  expect(run.nodes).toEqual({ a: { state: "reused" }, b: { state: "failed", message: "no", hint: null } });
  expect(isLive(run)).toBe(false);
});

test("a new run forgets the marks and keeps the pictures", () => {
  const run = follow(tell(follow(IDLE, "one"), events), "two");
  expect(run.nodes).toEqual({});
  expect(Object.keys(run.pictures)).toEqual(["save"]);
});

test("what a newer server says more is left out", () => {
  expect(tell(IDLE, [{ event: "sang" } as unknown as Event])).toBe(IDLE);
});
