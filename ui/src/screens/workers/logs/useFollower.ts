import { useEffect, useRef } from "react";
import { live } from "@/shell/liveConnection";
import { Follower } from "./follower";

const LOOK_MS = 20_000;
const NOUN = "worker-log";

/** What of a worker is followed. */
export interface Followed {
  /** The first read, made though it is paused. */
  begin: (signal: AbortSignal) => Promise<void>;
  /** What came since; says whether there is more already. */
  more: (signal: AbortSignal) => Promise<boolean>;
  failed: (error: unknown) => void;
}

/**
 * Asks while it `follows`. The live line says that there is something new; since what it says may be lost, it is looked
 * for now and then too. What failed is asked again. Another `key` begins anew, with what `make` makes.
 */
export function useFollower(key: string, follows: boolean, make: () => Followed): void {
  const follower = useRef<Follower | null>(null);
  const wanted = useRef(follows);
  const made = useRef(make);
  made.current = make;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what it follows is another one with another key
  useEffect(() => {
    const over = new AbortController();
    const { begin, more, failed } = made.current();
    const own = new Follower(async () => {
      if (follower.current === own) return more(over.signal);
      await begin(over.signal);
      if (over.signal.aborted) return false;
      follower.current = own; // from now on it may be paused
      own.follow(wanted.current);
      return false;
    }, failed);
    own.follow(true);
    own.tell();
    const deaf = live.listen((nouns) => (nouns === null || nouns.includes(NOUN)) && own.tell());
    const looking = setInterval(() => own.tell(), LOOK_MS);
    return () => {
      if (follower.current === own) follower.current = null;
      own.end();
      over.abort();
      deaf();
      clearInterval(looking);
    };
  }, [key]);
  useEffect(() => {
    wanted.current = follows;
    follower.current?.follow(follows);
  }, [follows]);
}
