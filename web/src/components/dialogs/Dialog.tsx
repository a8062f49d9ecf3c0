import { useEffect, useRef, type ReactNode } from "react";

import { set } from "../../store";
import { Icon } from "../Icon";
import { Notice } from "../Problems";

export const closeDialog = () => set({ dialog: null });

interface Props {
  readonly title: string;
  readonly className?: string;
  readonly onClose?: () => void;
  readonly children: ReactNode;
}

/** A window over all else: the focus stays in it, Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, className = "", onClose = closeDialog, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={box} className={`dialog panel ${className}`} aria-label={title} data-own-keys
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className="dialog-box">
        <header>
          <h2>{title}</h2>
          <button type="button" className="icon" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
      {/* The dialog is above all else, so what is to be said is said in it. */}
      <Notice />
    </dialog>
  );
}
