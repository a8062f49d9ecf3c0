import { openSaved } from "../actions";
import { set, useStore } from "../store";

const close = () => set({ shelf: null });

/** The workflows that the server keeps, the latest first. */
export function Shelf() {
  const shelf = useStore((state) => state.shelf);
  if (!shelf) return null;
  const sorted = [...shelf].sort((a, b) => b.at - a.at);
  return (
    <div className="veil dim" onPointerDown={(event) => event.target === event.currentTarget && close()} onKeyDown={(event) => event.key === "Escape" && close()}>
      <div className="shelf panel" role="dialog" aria-modal="true" aria-label="Open a workflow">
        <h2>Open a workflow</h2>
        <ul>
          {sorted.map((saved, index) => (
            <li key={saved.name}>
              <button type="button" autoFocus={index === 0} onClick={() => void openSaved(saved.name)}>
                <span>{saved.name}</span>
                <small>{new Date(saved.at * 1000).toLocaleString()}</small>
              </button>
            </li>
          ))}
        </ul>
        {sorted.length === 0 && <p className="none">The server keeps no workflow yet. What you change here is saved by itself.</p>}
        <button type="button" className="button" autoFocus={sorted.length === 0} onClick={close}>
          Close
        </button>
      </div>
    </div>
  );
}
