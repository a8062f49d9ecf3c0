import type { ReactNode } from "react";

import { set } from "../../store";
import { Icon } from "../Icon";

interface Props {
  readonly title: string;
  /** What can be done with all of it, beside the title. */
  readonly tools?: ReactNode;
  /** Where it is not as wide as the others, and by what it is made wider. */
  readonly width?: number;
  readonly edge?: ReactNode;
  readonly children: ReactNode;
}

/** A panel at the right side of the canvas. */
export function Panel({ title, tools, width, edge, children }: Props) {
  return (
    <aside className="side" aria-label={title} style={width === undefined ? undefined : { width }}>
      {edge}
      <header>
        <h2>{title}</h2>
        <span className="space" />
        {tools}
        <button type="button" className="icon" aria-label="Close the panel" onClick={() => set({ panel: null })}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  );
}
