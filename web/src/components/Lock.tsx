import { useState } from "react";

import { told } from "../actions/files";
import { logIn } from "../api";
import { useStore } from "../store";

/** Asks for the server's token, where it has one. */
export function Lock() {
  const locked = useStore((state) => state.locked);
  const [token, setToken] = useState("");
  if (!locked) return null;
  const send = () =>
    told(async () => {
      await logIn(token.trim());
      location.reload();
    });
  return (
    <div className="veil dim">
      <form
        className="shelf panel" aria-label="Token"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <h2>This server needs a token</h2>
        <input className="field" type="password" autoFocus aria-label="Token" value={token} onChange={(event) => setToken(event.target.value)} />
        <button type="submit" className="button primary">
          Go on
        </button>
      </form>
    </div>
  );
}
