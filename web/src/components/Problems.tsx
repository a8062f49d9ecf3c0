import { useState } from "react";

import { goTo } from "../actions/run";
import type { Problem } from "../api";
import { allProblems } from "../running/problems";
import { set, setSheet, useSheet, useStore } from "../store";
import { Icon } from "./Icon";
import { Keys } from "./Keys";

/** Everything that is wrong with the workflow, the failure of its last run included, each with the way to its place. */
export function Problems() {
  const found = useSheet((sheet) => sheet.problems);
  const run = useSheet((sheet) => sheet.run);
  /** The run whose failure has been seen. */
  const [closed, setClosed] = useState<string | null>(null);
  const problems = run.job === closed ? found : allProblems(found, run);
  if (problems.length === 0) return null;
  const close = () => {
    setSheet({ problems: [] });
    setClosed(run.job);
  };
  return (
    <div className="problems-room">
      <section className="problems panel" aria-label="Problems">
        <header>
          <strong role="alert">{problems.length === 1 ? "One problem" : `${problems.length} problems`}</strong>
          <span className="space" />
          {problems.length > 1 && <span className="soft">next <Keys id="next_problem" /></span>}
          <button type="button" className="icon" aria-label="Close the problems" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <ul>{problems.map((problem, index) => <Item key={`${index} ${problem.pointer}`} problem={problem} />)}</ul>
      </section>
    </div>
  );
}

function Item({ problem }: { readonly problem: Problem }) {
  const { node, socket, message, expected, got, hint } = problem;
  const where = [node, socket].filter(Boolean).join(" · ") || "Workflow";
  const isPlain = message !== `expected ${expected ?? ""}, got ${got ?? ""}`;
  return (
    <li>
      <div className="what">
        <b>{where}</b>
        {isPlain && <p>{message}</p>}
        {(expected !== null || got !== null) && (
          <dl>
            {expected !== null && <dt>expected</dt>}
            {expected !== null && <dd>{expected}</dd>}
            {got !== null && <dt>got</dt>}
            {got !== null && <dd>{got}</dd>}
          </dl>
        )}
        {hint && <p className="soft">{hint}</p>}
      </div>
      {node !== null && (
        <button type="button" className="button small" aria-label={`Go there: ${where}`} onClick={() => goTo(problem)}>
          Go there
          <Icon name="go" />
        </button>
      )}
    </li>
  );
}

export function Notice() {
  const notice = useStore((state) => state.notice);
  if (notice === null) return null;
  return (
    <p className="notice panel" role="alert">
      {notice}
      <button type="button" className="icon" aria-label="Close" onClick={() => set({ notice: null })}>
        <Icon name="close" />
      </button>
    </p>
  );
}
