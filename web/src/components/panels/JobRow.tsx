import type { DragEvent } from "react";

import { cancelJob, forgetJob, jobName, look, moveJob, openWorkflowOf, rerunJob } from "../../actions/jobs";
import type { Job } from "../../api";
import { isPicture, stepBefore, took, when, wordOf, type Step } from "../../running/jobs";
import { progress } from "../../running/run";
import { useStore, type State } from "../../store";
import { Icon, type IconName } from "../Icon";
import { Thumb } from "../Thumb";

/** A row that can be dragged to another place. */
export interface Dragging {
  readonly mark: string;
  readonly start: () => void;
  readonly over: ((event: DragEvent) => void) | null;
  readonly drop: () => void;
  readonly end: () => void;
}

interface Props {
  readonly job: Job;
  /** The ids of those that wait, if it is one of them. */
  readonly waiting: readonly string[];
  readonly dragging: Dragging | undefined;
}

const MOST_THUMBS = 5;

export function JobRow({ job, waiting, dragging }: Props) {
  const shots = job.outputs.filter(isPicture);
  const name = jobName(job);
  const hidden = shots.length > MOST_THUMBS ? shots.length - MOST_THUMBS + 1 : 0;
  return (
    <li className={`job ${job.state} ${dragging?.mark ?? ""}`} data-job={job.id} {...(dragging && draggable(dragging))}>
      <div className="job-head">
        <strong data-help={`${name}, number ${job.number}`}>{name}</strong>
        <Acts job={job} waiting={waiting} />
      </div>
      <p className="job-facts">
        <span className="job-state">{wordOf(job)}</span>
        {factsOf(job).map((fact) => <span key={fact}>{fact}</span>)}
      </p>
      {job.state === "running" && <Progress job={job} name={name} />}
      {job.reason && job.state !== "cancelled" && <p className="job-reason" data-help={job.reason.message}>{job.reason.message}</p>}
      {shots.length > 0 && (
        <div className="job-shots">
          {shots.slice(0, shots.length - hidden).map((picture) => (
            <button key={picture.id} type="button" aria-label={`Look at ${picture.name}`} onClick={() => look(picture.id)}><Thumb picture={picture} /></button>
          ))}
          {hidden > 0 && <span>+{hidden}</span>}
        </div>
      )}
    </li>
  );
}

const factsOf = ({ seconds, ended_at, created_at, state }: Job): readonly string[] => [
  ...(seconds !== null && state !== "queued" && state !== "running" ? [took(seconds)] : []), when(ended_at ?? created_at, new Date()),
];

function draggable({ start, over, drop, end }: Dragging) {
  return {
    draggable: true,
    onDragStart: (event: DragEvent) => {
      event.dataTransfer.effectAllowed = "move";
      // Firefox drags nothing that has no data.
      event.dataTransfer.setData("text/plain", "");
      start();
    },
    onDragEnd: end,
    // What is dragged from elsewhere is for the canvas.
    ...(over && {
      onDragOver: (event: DragEvent) => {
        event.preventDefault();
        event.stopPropagation();
        over(event);
      },
      onDrop: (event: DragEvent) => {
        event.preventDefault();
        event.stopPropagation();
        drop();
      },
    }),
  };
}

/** How far a job is, where anybody has told us. */
const farOf = ({ sheets, others }: State, id: string): number => {
  const run = sheets.find((sheet) => sheet.run.job === id)?.run ?? others[id];
  return run ? progress(run) : 0;
};

function Progress({ job, name }: { readonly job: Job; readonly name: string }) {
  const far = useStore((state) => farOf(state, job.id));
  return <progress className={far === 0 ? "busy" : undefined} aria-label={`Progress of ${name}`} value={far} max={1} />;
}

interface ActProps {
  readonly act: string;
  readonly icon: IconName;
  readonly help: string;
  readonly of: string;
  readonly does: () => void;
  readonly enabled?: boolean;
}

function Act({ act, icon, help, of, does, enabled = true }: ActProps) {
  return (
    <button type="button" className="icon small" data-act={act} aria-label={`${help}: ${of}`} data-help={help} disabled={!enabled} onClick={does}>
      <Icon name={icon} />
    </button>
  );
}

const STEPS: readonly (readonly [Step, IconName, string])[] = [["first", "first", "To the front"], ["up", "up", "Earlier"], ["down", "down", "Later"]];

function Acts({ job, waiting }: { readonly job: Job; readonly waiting: readonly string[] }) {
  const of = `${jobName(job)}, number ${job.number}`;
  const live = job.state === "queued" || job.state === "running";
  return (
    <span className="acts" role="group" aria-label={of}>
      {job.state === "queued" && STEPS.map(([step, icon, help]) => {
        const before = stepBefore(waiting, job.id, step);
        return <Act key={step} act={step} icon={icon} help={help} of={of} enabled={before !== undefined} does={() => before !== undefined && void moveJob(job.id, before)} />;
      })}
      <Act act="open" icon="go" help="Open its workflow" of={of} does={() => void openWorkflowOf(job)} />
      {live && <Act act="cancel" icon="close" help="Cancel" of={of} enabled={!job.cancelling} does={() => void cancelJob(job.id)} />}
      {!live && <Act act="rerun" icon="again" help="Run it again" of={of} does={() => void rerunJob(job.id)} />}
      {!live && <Act act="forget" icon="trash" help="Remove from the list; its pictures stay on the disk" of={of} does={() => void forgetJob(job.id)} />}
    </span>
  );
}
