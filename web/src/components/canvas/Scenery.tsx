/** What stands beside the nodes: frames, notes, dots on wires. */

import { NodeResizeControl, type NodeProps } from "@xyflow/react";
import { memo, useEffect, useRef } from "react";

import { edit, present, settle } from "../../actions/edit";
import { own } from "../../document/document";
import { thingOf } from "../../layout/flow";
import { GRID } from "../../layout/geometry";
import { changeItem, framesOf, notesOf } from "../../document/scenery";
import { set, useSheet, useStore } from "../../store";

const SMALLEST = 12 * GRID;

interface CornerProps {
  readonly onResize: (at: readonly [number, number], size: readonly [number, number]) => void;
  readonly minWidth?: number;
  readonly minHeight?: number;
}

/** The corner by which something is made larger. */
export function Corner({ onResize, minWidth = SMALLEST, minHeight = SMALLEST / 2 }: CornerProps) {
  return (
    <NodeResizeControl
      className="corner" position="bottom-right" minWidth={minWidth} minHeight={minHeight} onResizeStart={settle} onResizeEnd={settle}
      onResize={(_, { x, y, width, height }) => onResize([x, y], [width, height])}
    />
  );
}

interface TitleProps {
  readonly flowId: string;
  readonly title: string;
  readonly onTitle: (title: string) => void;
}

/** A title that becomes a field when it is to be written: by a double click or by a key. */
export function Title({ flowId, title, onTitle }: TitleProps) {
  const renaming = useStore((state) => state.renaming === flowId);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (renaming) field.current?.select();
  }, [renaming]);
  if (!renaming) {
    return (
      <strong className="title" onDoubleClick={() => set({ renaming: flowId })}>
        {title}
      </strong>
    );
  }
  const finish = (kept: boolean) => {
    if (kept && field.current && field.current.value !== title) onTitle(field.current.value);
    set({ renaming: null });
    document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(flowId)}"]`)?.focus({ preventScroll: true });
  };
  return (
    <input
      ref={field} className="field title-field nodrag" aria-label="Title" defaultValue={title} autoFocus spellCheck={false}
      onBlur={() => finish(true)} onDoubleClick={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") finish(true);
        if (event.key === "Escape") finish(false);
      }}
    />
  );
}

const idOf = (flowId: string): string => {
  const thing = thingOf(flowId);
  return thing.kind === "dot" ? "" : thing.id;
};

export const FrameView = memo(function FrameView({ id: flowId, selected }: NodeProps) {
  const id = idOf(flowId);
  const frame = useSheet((sheet) => own(framesOf(sheet.history.present), id));
  if (!frame) return null;
  const change = (next: Parameters<typeof changeItem<".frames">>[3], step: string) => edit(changeItem(present(), ".frames", id, next), step);
  return (
    <section className={`frame tint-${frame.color ?? "none"} ${selected ? "selected" : ""}`} aria-label={`Frame ${frame.title}`}>
      <header>
        <Title flowId={flowId} title={frame.title} onTitle={(title) => change({ title }, `title ${flowId}`)} />
      </header>
      <Corner onResize={(at, size) => change({ at, size }, `size ${flowId}`)} />
    </section>
  );
});

export const NoteView = memo(function NoteView({ id: flowId, selected }: NodeProps) {
  const id = idOf(flowId);
  const note = useSheet((sheet) => own(notesOf(sheet.history.present), id));
  if (!note) return null;
  const change = (next: Parameters<typeof changeItem<".notes">>[3], step: string) => edit(changeItem(present(), ".notes", id, next), step);
  return (
    <section className={`note tint-${note.color ?? "none"} ${selected ? "selected" : ""}`} aria-label="Note">
      <textarea
        className="nodrag nowheel" aria-label="Note" placeholder="A note" value={note.text} autoFocus={selected && note.text === ""}
        onChange={(event) => change({ text: event.target.value }, `note ${id} ${event.target.value.split(/\s+/).length}`)} onBlur={settle}
      />
      <Corner onResize={(at, size) => change({ at, size }, `size ${flowId}`)} />
    </section>
  );
});

export const DotView = memo(function DotView({ selected }: NodeProps) {
  return <span className={`dot ${selected ? "selected" : ""}`} aria-label="Dot on a wire" role="img" />;
});
