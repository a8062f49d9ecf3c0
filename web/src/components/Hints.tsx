import { useEffect, useState } from "react";

import { commandOf } from "../keyboard/commands";
import { useSheet } from "../store";
import { Keys } from "./Keys";

const OFFERED = ["add", "learn", "templates", "open"] as const;

/** What one can begin with, on an empty canvas. */
export function Hints() {
  const empty = useSheet(({ history: { present } }) => Object.keys(present.nodes).length === 0 && !present.view?.[".notes"] && !present.view?.[".frames"]);
  if (!empty) return null;
  return (
    <div className="hints" role="region" aria-label="Begin">
      {OFFERED.map((id) => (
        <button key={id} type="button" className="button" onClick={() => commandOf(id)?.does()}>
          {commandOf(id)?.title}
          <Keys id={id} />
        </button>
      ))}
    </div>
  );
}

/** Says that a file which is being dragged over the window can be dropped. */
export function DropVeil() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const enter = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files")) setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.type === "drop" || event.relatedTarget === null) setOver(false);
    };
    addEventListener("dragenter", enter, { signal });
    addEventListener("dragleave", leave, { signal });
    addEventListener("drop", leave, { signal, capture: true });
    return () => stop.abort();
  }, []);
  return over ? <div className="drop-veil" aria-hidden="true"><span>Drop to open</span></div> : null;
}
