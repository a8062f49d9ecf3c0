import { goTo } from "../actions";
import { set, useStore } from "../store";
import { Icon } from "./Icon";

/** Everything that is wrong with the workflow, each with the way to its place. */
export function Problems() {
  const problems = useStore((state) => state.problems);
  if (problems.length === 0) return null;
  return (
    <section className="problems panel" aria-label="Problems">
      <header>
        <strong>{problems.length === 1 ? "One problem" : `${problems.length} problems`}</strong>
        <button type="button" className="icon" aria-label="Close" onClick={() => set({ problems: [] })}>
          <Icon name="close" />
        </button>
      </header>
      <ul>
        {problems.map((problem, index) => (
          <li key={`${index} ${problem.pointer}`}>
            <button type="button" onClick={() => goTo(problem)} disabled={problem.node === null}>
              <b>{[problem.node, problem.socket].filter(Boolean).join(" · ") || "Workflow"}</b>
              <span>{problem.message}</span>
              {problem.hint && <small>{problem.hint}</small>}
            </button>
          </li>
        ))}
      </ul>
    </section>
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
