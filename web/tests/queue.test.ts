import { beforeEach, expect, test, vi } from "vitest";

import type { Job } from "../src/api";
import { NO_PACE, leftInWords, paced, secondsLeft } from "../src/running/estimate";
import { chosenToo, dropBefore, extended, grouped, merged, shotsOf, stepBefore, took, when, type Listed, type Step } from "../src/running/jobs";
import { IDLE, follow, tell, type Artifact, type JobState } from "../src/running/run";
import { beside, clicked, fitScale, zoomed } from "../src/layout/zoom";

const artifact = (id: string, media_type = "image/png"): Artifact => ({ id, node: "save", name: `${id}.png`, kind: "image", media_type });
const job = (id: string, state: JobState, ended: number | null = null, outputs: readonly Artifact[] = []): Job => ({
  id, number: 1, client: "", state, cancelling: false, reason: null, created_at: 0, ended_at: ended, ended, seconds: 1, outputs,
});

/** What the server does with `move`. */
function moved(waiting: readonly string[], id: string, before: string | null | undefined): readonly string[] {
  if (before === undefined) return waiting;
  const rest = waiting.filter((each) => each !== id);
  return rest.toSpliced(before === null ? rest.length : rest.indexOf(before), 0, id);
}

test("a step moves a job by one place, or to the front, and at the ends nowhere", () => {
  const line = ["a", "b", "c", "d"];
  const after = (id: string, step: Step) => moved(line, id, stepBefore(line, id, step)).join("");
  expect([after("c", "up"), after("b", "down"), after("c", "down"), after("d", "first")]).toEqual(["acbd", "acbd", "abdc", "dabc"]);
  expect([after("a", "up"), after("a", "first"), after("d", "down"), after("gone", "up")]).toEqual(Array(4).fill("abcd"));
  expect(stepBefore(line, "a", "first")).toBeUndefined();
});

test("a job goes where it is dropped, above or below another, and stays where it was dropped on its own place", () => {
  const line = ["a", "b", "c", "d"];
  for (const id of line) {
    for (const onto of line) {
      for (const lower of [false, true]) {
        const wish = line.filter((each) => each !== id);
        const at = wish.indexOf(onto);
        const wanted = id === onto ? line : wish.toSpliced(at + (lower ? 1 : 0), 0, id);
        const before = dropBefore(line, id, onto, lower);
        expect(moved(line, id, before)).toEqual(wanted);
        expect(before === undefined).toBe(wanted.join() === line.join());
      }
    }
  }
});

test("what the server says now replaces what was known; older pages stay behind it, where they join", () => {
  const jobs = [job("run", "running"), job("c", "done", 30), job("b", "done", 20), job("a", "failed", 10)];
  const known = { jobs, more: false };
  const told = ({ jobs, more }: Listed) => [jobs.map(({ id }) => id).join(""), more];
  const now = [job("d", "done", 40), job("c", "done", 30)];
  expect(told(merged(known, now, false))).toEqual(["dcba", false]);
  expect(told(merged(null, now, false))).toEqual(["dc", true]);
  expect(told(merged(known, now, true))).toEqual(["dc", false]);
  expect(told(merged(known, [job("f", "done", 60), job("e", "done", 50)], false))).toEqual(["fe", true]);
  expect(told(merged(known, [job("run", "running")], false))).toEqual(["run", true]);
  expect(told(extended({ jobs: now, more: true }, [job("c", "done", 30), job("b", "done", 20)], false))).toEqual(["dcb", false]);
  expect(grouped(jobs).ended.map(({ id }) => id)).toEqual(["c", "b", "a"]);
});

test("pictures come out in the order of the jobs, without other files; of three chosen the last two stay", () => {
  const shots = shotsOf([job("b", "done", 2, [artifact("x"), artifact("y", "text/plain")]), job("a", "done", 1, [artifact("z")])]);
  expect(shots.map(({ picture }) => picture.id)).toEqual(["x", "z"]);
  expect(["x", "y", "z", "y"].reduce<readonly string[]>(chosenToo, [])).toEqual(["z"]);
  expect(["x", "y", "z"].reduce<readonly string[]>(chosenToo, [])).toEqual(["y", "z"]);
});

test("times in words", () => {
  expect([0.04, 9.94, 9.96, 59.6, 125, 3780].map(took)).toEqual(["0.0 s", "9.9 s", "10 s", "1 min 0 s", "2 min 5 s", "1 h 3 min"]);
  const noon = new Date(2030, 4, 6, 12, 0);
  expect(when(noon.getTime() / 1000, noon)).not.toContain(",");
  expect(when(noon.getTime() / 1000 - 86400, noon)).toContain(",");
  expect([null, 2.9, 3.2, 12, 58, 200, 7000].map(leftInWords)).toEqual([
    null, null, "about 3 s left", "about 10 s left", "about 1 min left", "about 3 min left", "about 1.9 h left",
  ]);
});

test("the time left is that of the running node's own pace, and the median of the others for each that waits", () => {
  let run = tell(follow(IDLE, "job"), [
    { event: "job", state: "running" }, { event: "planned", total: 5, pending: 5, reused: 0 },
    { event: "finished", node: "load", seconds: 1 }, { event: "finished", node: "train", seconds: 90 }, { event: "started", node: "sample" },
  ]);
  let pace = paced(NO_PACE, run, 100);
  expect(secondsLeft(pace, run)).toBeNull();
  for (const done of [1, 2, 3, 4, 5]) {
    run = tell(run, [{ event: "progressed", node: "sample", done, total: 20 }]);
    pace = paced(pace, run, 100 + 2 * done);
    // 20 steps of 2 s each; two nodes of 1 s after them.
    expect(secondsLeft(pace, run)).toBeCloseTo(2 * (20 - done) + 2);
    expect(secondsLeft(paced(paced(NO_PACE, tell(run, [{ event: "started", node: "sample" }]), 100), run, 100.5), run)).toBeNull();
  }
  // Another run begins anew, and one that is over has nothing left.
  expect(secondsLeft(pace, follow(run, "next"))).toBeNull();
  expect(secondsLeft(pace, tell(run, [{ event: "job", state: "done" }]))).toBeNull();
});

test("a small picture is enlarged by a whole number, a large one fits, and zooming stops at 1:1", () => {
  const stage = { width: 700, height: 500 };
  expect(fitScale(stage, { width: 64, height: 64 })).toBe(7);
  expect(fitScale(stage, { width: 2000, height: 1000 })).toBe(0.35);
  expect(fitScale(stage, { width: 0, height: 0 })).toBe(1);
  let scale = 0.35;
  const seen: number[] = [];
  for (let step = 0; step < 30; step++) seen.push((scale = zoomed(scale, 1, 0.35)));
  expect(seen).toContain(1);
  expect(seen.at(-1)).toBe(32);
  for (let step = 0; step < 60; step++) scale = zoomed(scale, -1, 0.35);
  expect(scale).toBe(0.175);
  expect([clicked(null, 7), clicked(1, 7), clicked(null, 1)]).toEqual([1, null, 2]);
  expect([beside(["a", "b"], "a", 1), beside(["a", "b"], "b", 1), beside(["a"], "x", 1), beside(["a"], "a", -1)]).toEqual(["b", null, null, null]);
});

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
  vi.resetModules();
});

test("the names of jobs are remembered across reloads, the last 300 of them, and nonsense in the store is nothing", async () => {
  localStorage.setItem("nodegraph.jobs", '{"a": 1}');
  const first = await import("../src/running/names");
  for (let count = 0; count < 301; count++) first.remember(`job ${count}`, `name ${count}`);
  vi.resetModules();
  const later = await import("../src/running/names");
  expect([later.nameOf("job 0"), later.nameOf("job 1"), later.nameOf("job 300")]).toEqual([null, "name 1", "name 300"]);
});
