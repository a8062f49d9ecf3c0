import { useRef, useState, type DragEvent } from "react";

import { cancelWaiting, moveJob, pauseQueue } from "../../actions/jobs";
import type { Job } from "../../api";
import { dropBefore, grouped } from "../../running/jobs";
import { useStore } from "../../store";
import { Icon } from "../Icon";
import { JobRow, type Dragging } from "./JobRow";
import { Panel } from "./Panel";
import { useJobs } from "./useJobs";
import { useKeptFocus } from "./useKeptFocus";

/** Which waiting job is dragged, and where it would go. */
interface Drag {
  readonly id: string;
  readonly onto: string | null;
  readonly lower: boolean;
}

/** Everything that runs, waits and has ended. */
export function Queue() {
  const { jobs, more, showMore } = useJobs();
  const { running, waiting, ended } = grouped(jobs ?? []);
  const box = useRef<HTMLDivElement>(null);
  const keepFocus = useKeptFocus(box, jobs);
  return (
    <Panel title="Queue" tools={<Tools waiting={waiting.length} />}>
      <div className="queue" ref={box} onClick={keepFocus}>
        <Paused />
        {jobs?.length === 0 && <p className="none">Nothing has been run yet.</p>}
        <Group title="Running" jobs={running} waiting={[]} />
        <Waiting jobs={waiting} />
        <Group title="Ended" jobs={ended} waiting={[]} />
        {more && <button type="button" className="button more" onClick={showMore}>Show more</button>}
      </div>
    </Panel>
  );
}

function Tools({ waiting }: { readonly waiting: number }) {
  const paused = useStore((state) => state.queue?.paused ?? false);
  return (
    <>
      <button type="button" className="icon" aria-label="Cancel all that wait" data-help="Cancel all that wait" disabled={waiting === 0} onClick={() => void cancelWaiting()}>
        <Icon name="trash" />
      </button>
      <button
        type="button" className="icon" aria-label="Pause the queue" aria-pressed={paused} data-help={paused ? "Go on with the queue" : "Start no more jobs; what runs goes on"}
        onClick={() => void pauseQueue(!paused)}
      >
        <Icon name={paused ? "run" : "pause"} />
      </button>
    </>
  );
}

function Paused() {
  const paused = useStore((state) => state.queue?.paused ?? false);
  return paused && (
    <p className="paused" role="status">
      <span>The queue is paused.</span>
      <button type="button" className="button small" onClick={() => void pauseQueue(false)}>Go on</button>
    </p>
  );
}

interface GroupProps {
  readonly title: string;
  readonly jobs: readonly Job[];
  readonly waiting: readonly string[];
  readonly dragging?: (job: Job) => Dragging;
}

function Group({ title, jobs, waiting, dragging }: GroupProps) {
  if (jobs.length === 0) return null;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ul>
        {jobs.map((job) => <JobRow key={job.id} job={job} waiting={waiting} dragging={dragging?.(job)} />)}
      </ul>
    </section>
  );
}

/** The jobs that wait: they can be put into another order. */
function Waiting({ jobs }: { readonly jobs: readonly Job[] }) {
  const [drag, setDrag] = useState<Drag | null>(null);
  const queued = useStore((state) => state.queue?.queued ?? 0);
  const ids = jobs.map(({ id }) => id);
  const drop = () => {
    const before = drag?.onto != null ? dropBefore(ids, drag.id, drag.onto, drag.lower) : undefined;
    if (drag && before !== undefined) void moveJob(drag.id, before);
    setDrag(null);
  };
  const over = (event: DragEvent, onto: string) => {
    const { top, height } = event.currentTarget.getBoundingClientRect();
    const lower = event.clientY > top + height / 2;
    if (drag && (drag.onto !== onto || drag.lower !== lower)) setDrag({ ...drag, onto, lower });
  };
  const dragging = ({ id }: Job): Dragging => ({
    mark: drag?.id === id ? "dragged" : drag?.onto === id && dropBefore(ids, drag.id, id, drag.lower) !== undefined ? (drag.lower ? "onto-lower" : "onto-upper") : "",
    start: () => setDrag({ id, onto: null, lower: false }),
    over: drag === null ? null : (event) => over(event, id),
    drop,
    end: () => setDrag(null),
  });
  const title = queued > 1 ? `Waiting · ${Math.max(queued, jobs.length)}` : "Waiting";
  return <Group title={title} jobs={jobs} waiting={ids} dragging={dragging} />;
}
