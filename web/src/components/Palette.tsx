import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { addNode } from "../actions";
import { fitting, type Catalogue, type Description } from "../catalogue";
import { search } from "../search";
import { set, useStore, type Palette as Opened } from "../store";

const SIZE = { width: 360, height: 400 };
const EDGE = 16;

const close = () => set({ palette: null });

/** Nodes to add, by a few letters; on top of the canvas, where it was asked for. */
export function Palette({ catalogue }: { readonly catalogue: Catalogue }) {
  const palette = useStore((state) => state.palette);
  return palette && <List catalogue={catalogue} palette={palette} />;
}

function List({ catalogue, palette }: { readonly catalogue: Catalogue; readonly palette: Opened }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const { wire, screen } = palette;
  const found = useMemo(() => {
    const nodes = Object.values(catalogue.nodes);
    return search(wire ? nodes.filter((node) => fitting(catalogue, node, wire) !== null) : nodes, query);
  }, [catalogue, wire, query]);
  const chosen = found[at];

  useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, found]);

  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) setAt((found.length + at + step) % Math.max(1, found.length));
    else if (event.key === "Enter" && chosen) addNode(chosen);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const place = {
    left: Math.max(EDGE, Math.min(screen[0], innerWidth - SIZE.width - EDGE)),
    top: Math.max(EDGE, Math.min(screen[1], innerHeight - SIZE.height - EDGE)),
  };
  return (
    <div className="veil" onPointerDown={(event) => event.target === event.currentTarget && close()}>
      <div className="palette panel" style={{ ...place, ...SIZE }} ref={box} role="dialog" aria-label="Add a node">
        <input
          autoFocus className="field search" role="combobox" aria-expanded="true" aria-controls={id}
          aria-activedescendant={chosen && `${id}-${chosen.name}`} aria-label="Search nodes"
          placeholder={wire ? `A node that fits ${wire.type}` : "Add a node"} value={query} onKeyDown={onKeyDown}
          onChange={(event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
        />
        <ul id={id} role="listbox" aria-label="Nodes">
          {found.map((node, index) => (
            <Option key={node.name} id={`${id}-${node.name}`} node={node} selected={index === at} onHover={() => setAt(index)}
              sorted={query === ""} heading={query === "" && node.category !== found[index - 1]?.category} />
          ))}
          {found.length === 0 && <li className="none">No node of this name fits here.</li>}
        </ul>
        <p className="about">{chosen?.help}</p>
      </div>
    </div>
  );
}

interface OptionProps {
  readonly id: string;
  readonly node: Description;
  readonly selected: boolean;
  readonly sorted: boolean;
  readonly heading: boolean;
  readonly onHover: () => void;
}

function Option({ id, node, selected, sorted, heading, onHover }: OptionProps) {
  return (
    <>
      {heading && (
        <li role="presentation" className="heading">
          {node.category}
        </li>
      )}
      <li id={id} role="option" aria-selected={selected} onPointerMove={selected ? undefined : onHover} onClick={() => addNode(node)}>
        <span>{node.title}</span>
        {!sorted && <small>{node.category}</small>}
      </li>
    </>
  );
}
