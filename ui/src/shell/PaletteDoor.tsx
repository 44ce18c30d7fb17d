import { lazy, Suspense, useEffect, useState } from "react";
import { useShortcut } from "./useShortcut";

const read = () => import("./Palette");
const Palette = lazy(read);
const IDLE_MS = 1500;

/** The palette's script comes after the page is there, so that it is at hand when it is first asked for. */
export function PaletteDoor() {
  const [open, setOpen] = useState(false);
  const [wanted, setWanted] = useState(false);
  useShortcut("palette", () => {
    setWanted(true);
    setOpen((before) => !before);
  });
  useEffect(() => {
    const timer = setTimeout(() => void read().catch(() => undefined), IDLE_MS);
    return () => clearTimeout(timer);
  }, []);
  return <Suspense>{wanted && <Palette open={open} onOpenChange={setOpen} />}</Suspense>;
}
