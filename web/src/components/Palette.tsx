import { useEffect, useId, useMemo, useRef, useState } from "react";

import { addNode, join } from "../actions/edit";
import type { Catalogue } from "../catalogue/catalogue";
import { favourites, noteUse, recent, toggleFavourite } from "../catalogue/liked";
import { grouped, socketOffers, suitable, type Group, type Offer } from "../catalogue/offers";
import { set, sheet, useStore, type Palette as Opened } from "../store";
import { About } from "./About";
import { Icon } from "./Icon";
import { useList } from "./useList";

const SIZE = { width: 480, height: 536 };
const EDGE = 16;

const close = () => set({ palette: null });

/** Nodes to add, by a few letters; on top of the canvas, where it was asked for. */
export function Palette({ catalogue }: { readonly catalogue: Catalogue }) {
  const palette = useStore((state) => state.palette);
  return palette && <List catalogue={catalogue} palette={palette} />;
}

function choose(offer: Offer | undefined): void {
  if (offer?.kind === "socket") join(offer.end);
  if (offer?.kind !== "node") return;
  noteUse(offer.node.name);
  addNode(offer.node);
}

/** The focus goes back to where it was, unless it went on by itself. */
function useFocusBack(): void {
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      setTimeout(() => {
        const isLost = document.activeElement === document.body || document.activeElement === null;
        if (isLost && (before instanceof HTMLElement || before instanceof SVGElement)) before.focus({ preventScroll: true });
      }, 60);
    };
  }, []);
}

function placeholderOf({ wire, into }: Opened): string {
  if (wire) return `What fits ${wire.type}`;
  return into ? "A node that fits into this wire" : "Add a node";
}

function List({ catalogue, palette }: { readonly catalogue: Catalogue; readonly palette: Opened }) {
  const [query, setQuery] = useState("");
  const [liked, setLiked] = useState(favourites);
  const [used] = useState(recent);
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  useFocusBack();
  const all = useMemo(() => {
    const { present } = sheet().history;
    return { nodes: suitable(present, catalogue, palette), sockets: socketOffers(present, catalogue, palette) };
  }, [catalogue, palette]);
  const groups = useMemo(() => grouped(all.sockets, all.nodes, query, { favourites: liked, recent: used }), [all, query, liked, used]);
  const flat = useMemo(() => groups.flatMap(({ offers }) => offers), [groups]);
  const { at, setAt, box, onKeyDown } = useList({ count: flat.length, query, onEnter: (now) => choose(flat[now]), onEscape: close });
  const chosen = flat[at];
  const like = (offer: Offer | undefined) => {
    if (offer?.kind === "node") setLiked(toggleFavourite(offer.node.name));
    field.current?.focus();
  };
  useEffect(() => field.current?.focus({ preventScroll: true }), []);
  const height = Math.min(SIZE.height, innerHeight - 2 * EDGE);
  const width = Math.min(SIZE.width, innerWidth - 2 * EDGE);
  const place = {
    left: Math.max(EDGE, Math.min(palette.screen[0], innerWidth - width - EDGE)), width,
    top: Math.max(EDGE, Math.min(palette.screen[1], innerHeight - height - EDGE)), height,
  };
  return (
    <div className="veil" onPointerDown={(event) => event.target === event.currentTarget && close()}>
      <div className="palette panel" style={place} ref={box} role="dialog" aria-label="Add a node">
        <input
          ref={field} className="field search" role="combobox" aria-expanded={flat.length > 0} aria-controls={id} aria-autocomplete="list"
          aria-activedescendant={chosen && `${id}-${at}`} aria-label={placeholderOf(palette)} placeholder={placeholderOf(palette)}
          autoComplete="off" spellCheck={false} value={query} onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key.toLowerCase() === "d" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              like(chosen);
            } else onKeyDown(event);
          }}
        />
        <Options id={id} groups={groups} at={at} liked={liked} onHover={setAt} onLike={like} />
        <About catalogue={catalogue} offer={chosen} liked={chosen?.kind === "node" && liked.includes(chosen.node.name)} onLike={() => like(chosen)} />
      </div>
    </div>
  );
}

interface OptionsProps {
  readonly id: string;
  readonly groups: readonly Group[];
  readonly at: number;
  readonly liked: readonly string[];
  readonly onHover: (at: number) => void;
  readonly onLike: (offer: Offer) => void;
}

function Options({ id, groups, at, liked, onHover, onLike }: OptionsProps) {
  const firsts = groups.map((_, index) => groups.slice(0, index).reduce((sum, { offers }) => sum + offers.length, 0));
  if (groups.length === 0) return <p className="options none" id={id}>Nothing of this name fits here.</p>;
  return (
    <div className="options" id={id} role="listbox" aria-label="Nodes">
      {groups.map(({ title, offers }, group) => (
        <div role="group" aria-label={title} key={title}>
          <div role="presentation" className="heading">{title}</div>
          {offers.map((offer, index) => {
            const place = (firsts[group] ?? 0) + index;
            return (
              <div
                key={offer.id} id={`${id}-${place}`} role="option" aria-selected={place === at} data-offer={offer.id}
                onPointerMove={place === at ? undefined : () => onHover(place)} onClick={() => choose(offer)}
              >
                <span>{offer.title}</span>
                <small>{offer.detail}</small>
                {offer.kind === "node" && <Star on={liked.includes(offer.node.name)} onClick={() => onLike(offer)} />}
              </div>
            );
          })}
        </div>
      ))}
    </div>
  );
}

/** For the pointer only: the button below does it for everyone. */
function Star({ on, onClick }: { readonly on: boolean; readonly onClick: () => void }) {
  return (
    <span
      className={`star ${on ? "on" : ""}`} aria-hidden="true"
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
    >
      <Icon name="star" />
    </span>
  );
}
