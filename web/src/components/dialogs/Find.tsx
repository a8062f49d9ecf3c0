import { useEffect, useId, useMemo, useRef, useState } from "react";

import { goTo } from "../../actions/run";
import { lookFrom } from "../../layout/camera";
import type { Catalogue } from "../../catalogue/catalogue";
import { findNodes, type Found } from "../../catalogue/finding";
import { setSheet, sheet, useSheet, useStore } from "../../store";
import { useList } from "../useList";
import { Dialog, closeDialog } from "./Dialog";

export function Find() {
  const catalogue = useStore((state) => state.catalogue);
  return catalogue && <Search catalogue={catalogue} />;
}

/** Finds a node of the open workflow: the arrows look at it, Enter goes there, Escape goes back to where one was. */
function Search({ catalogue }: { readonly catalogue: Catalogue }) {
  const document = useSheet(({ history }) => history.present);
  const [query, setQuery] = useState("");
  const [before] = useState(() => ({ viewport: sheet().viewport, selected: sheet().selected }));
  const moved = useRef(false);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const found = useMemo(() => findNodes(document, catalogue, query), [document, catalogue, query]);
  const look = (each: Found | undefined) => {
    if (!each) return;
    moved.current = true;
    goTo({ node: each.node, socket: each.said?.socket ?? null });
  };
  const enter = (each: Found | undefined) => {
    if (!each) return;
    closeDialog();
    look(each);
  };
  const leave = () => {
    closeDialog();
    if (!moved.current) return;
    setSheet({ selected: before.selected });
    if (before.viewport) lookFrom(before.viewport);
  };
  const { at, setAt, box, onKeyDown } = useList({
    count: found.length, query, onEnter: (now) => enter(found[now]), onEscape: leave, onMove: (now) => look(found[now]),
  });
  useEffect(() => field.current?.focus(), []);
  const chosen = found[at];
  return (
    <Dialog title="Find a node" className="find" onClose={leave}>
      <div className="find-box" ref={box}>
        <input
          ref={field} className="field search" role="combobox" aria-expanded={found.length > 0} aria-controls={id} aria-autocomplete="list"
          aria-activedescendant={chosen && `${id}-${at}`} aria-label="Title, id, type or value" placeholder="Title, id, type or value"
          autoComplete="off" spellCheck={false} value={query} onChange={(event) => setQuery(event.target.value)} onKeyDown={onKeyDown}
        />
        {found.length === 0 ? <p className="none" id={id}>No node has this in it.</p> : (
          <div className="options" id={id} role="listbox" aria-label="Nodes of this workflow">
            {found.map((each, index) => (
              <div
                key={each.node} id={`${id}-${index}`} role="option" aria-selected={index === at} data-found={each.node}
                onPointerMove={index === at ? undefined : () => setAt(index)} onClick={() => enter(each)}
              >
                <span>{each.title}</span>
                <small>{each.said ? `${each.said.socket}: ${each.said.text}` : each.node}</small>
              </div>
            ))}
          </div>
        )}
      </div>
    </Dialog>
  );
}
