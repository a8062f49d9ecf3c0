import { useEffect, useRef, useState, type KeyboardEvent, type MouseEvent } from "react";

import { jobName, look, openPicture } from "../../actions/jobs";
import { chosenToo, shotsOf, when, type Shot } from "../../running/jobs";
import { Thumb } from "../Thumb";
import { Panel } from "./Panel";
import { useJobs } from "./useJobs";

const COLUMNS = 3;
const PAGE = 30;
/** So many jobs are looked through for pictures at most, before somebody asks for more. */
const MOST_JOBS = 500;
const BY_KEY: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

/** Every picture that jobs made, the newest first. */
export function Gallery() {
  const { jobs, more, showMore } = useJobs();
  const shots = shotsOf(jobs ?? []);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [at, setAt] = useState(0);
  const [wanted, setWanted] = useState({ shots: PAGE, jobs: MOST_JOBS });
  const list = useRef<HTMLUListElement>(null);
  const known = jobs?.length ?? 0;
  const lacks = more && shots.length < wanted.shots && known > 0 && known < wanted.jobs;
  useEffect(() => {
    // Not every job has pictures.
    if (lacks) showMore();
  }, [lacks, known, showMore]);
  const next = () => {
    setWanted({ shots: shots.length + PAGE, jobs: known + MOST_JOBS });
    showMore();
  };
  const here = Math.min(at, Math.max(0, shots.length - 1));
  const there = chosen.filter((id) => shots.some(({ picture }) => picture.id === id));
  const onKeyDown = (event: KeyboardEvent) => {
    const to = here + (BY_KEY[event.key] ?? 0);
    if (to === here || !shots[to]) return;
    event.preventDefault();
    setAt(to);
    // From a box to a box, and from a picture to a picture.
    const kind = event.target instanceof HTMLInputElement ? "input" : "button";
    list.current?.children[to]?.querySelector<HTMLElement>(kind)?.focus();
  };
  return (
    <Panel title="Gallery">
      <Choice chosen={there} clear={() => setChosen([])} />
      <div className="gallery">
        {jobs !== null && shots.length === 0 && <p className="none">Pictures appear here once a workflow has made some.</p>}
        <ul ref={list} onKeyDown={onKeyDown}>
          {shots.map((shot, index) => (
            <Cell
              key={shot.picture.id} shot={shot} reached={index === here} chosen={there.includes(shot.picture.id)} onReach={() => setAt(index)}
              onChoose={() => setChosen(chosenToo(there, shot.picture.id))}
            />
          ))}
        </ul>
        {more && <button type="button" className="button more" onClick={next}>Show more</button>}
      </div>
    </Panel>
  );
}

/** What can be done with the pictures that are chosen. */
function Choice({ chosen, clear }: { readonly chosen: readonly string[]; readonly clear: () => void }) {
  const [first, second] = chosen;
  const both = first !== undefined && second !== undefined;
  return (
    <div className="choice" role="toolbar" aria-label="Chosen pictures">
      <button type="button" className="button small" disabled={!both} onClick={() => both && look(first, second)}>Compare</button>
      <button type="button" className="button small" disabled={chosen.length !== 1} onClick={() => first !== undefined && void openPicture(first)}>
        Open workflow
      </button>
      <span className="space" />
      {chosen.length === 0 ? <span className="soft">Tick two</span> : <button type="button" className="button small" onClick={clear}>Clear {chosen.length}</button>}
    </div>
  );
}

interface CellProps {
  readonly shot: Shot;
  readonly chosen: boolean;
  /** Whether Tab leads to it; the arrow keys lead to the others. */
  readonly reached: boolean;
  readonly onReach: () => void;
  readonly onChoose: () => void;
}

function Cell({ shot: { picture, job }, chosen, reached, onReach, onChoose }: CellProps) {
  const { id, name } = picture;
  const open = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) onChoose();
    else look(id);
  };
  const tab = reached ? 0 : -1;
  return (
    <li className={chosen ? "cell chosen" : "cell"} onFocus={onReach}>
      <button
        type="button" tabIndex={tab} aria-label={`Look at ${name}`} onClick={open}
        data-help={`${name}\n${jobName(job)}, ${when(job.ended_at ?? job.created_at, new Date())}`}
      >
        <Thumb picture={picture} />
      </button>
      <label>
        <input type="checkbox" tabIndex={tab} aria-label={`Choose ${name}`} checked={chosen} onChange={onChoose} />
      </label>
    </li>
  );
}
