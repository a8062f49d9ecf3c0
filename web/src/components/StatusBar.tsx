import { lessonOf, nextLesson } from "../actions/files";
import { cancel } from "../actions/run";
import { isLive, progress, type RunState } from "../running/run";
import { set, useSheet, useStore } from "../store";
import { TimeLeft } from "./TimeLeft";

function summary(run: RunState): string {
  const reused = Object.values(run.nodes).filter((node) => node.state === "reused").length;
  const ran = Object.values(run.nodes).filter((node) => node.state === "finished").length;
  switch (run.state) {
    case "none":
      return "Nothing has been run yet";
    case "queued":
      return "Waiting in the queue";
    case "running":
      return `Running: ${ran + reused} of ${run.total} nodes`;
    case "done":
      return `Done in ${(run.seconds ?? 0).toFixed(2)} s: ${ran} ran, ${reused} reused`;
    case "failed":
    case "crashed":
      return run.reason ? `Failed: ${run.reason.message}` : "Failed";
    case "cancelled":
      return "Cancelled";
  }
}

export function StatusBar() {
  const run = useSheet((sheet) => sheet.run);
  const queue = useStore((state) => state.queue);
  const connected = useStore((state) => state.connected);
  const lesson = useSheet((sheet) => lessonOf(sheet.history.present) !== undefined);
  const others = queue ? queue.queued + queue.running - (isLive(run) ? 1 : 0) : 0;
  return (
    <footer className="bar status">
      <span className={`lamp ${connected ? "on" : "off"}`} data-help={connected ? "Connected to the server" : "The server does not answer; trying again"} />
      <span className={`state ${run.state}`} role="status">
        {connected ? summary(run) : "Connecting to the server …"}
      </span>
      {isLive(run) && (
        <>
          <progress aria-label="Progress of the run" value={progress(run)} max={1} />
          <button type="button" className="button small" onClick={() => void cancel()}>
            Cancel
          </button>
          <TimeLeft />
        </>
      )}
      <span className="space" />
      {others > 0 && (
        <button type="button" className="button small" onClick={() => set({ panel: "queue" })}>
          {others} more in the queue
        </button>
      )}
      <button type="button" className="button small" onClick={() => (lesson ? void nextLesson() : set({ dialog: "learn" }))}>
        {lesson ? "Next lesson" : "Learn"}
      </button>
      <span className="hint">
        <kbd>/</kbd> add a node
      </span>
      <span className="hint">
        <kbd>Ctrl</kbd> <kbd>Enter</kbd> run
      </span>
    </footer>
  );
}
