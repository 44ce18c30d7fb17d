import { type Mutation, MutationCache, onlineManager, QueryClient } from "@tanstack/react-query";
import { asError } from "./api";
import { reach } from "./reach";
import { toast } from "./toasts";

/** What a change is called while it waits: its own `meta.title`, else the page it was asked for on. */
const asked = new WeakMap<Mutation, string>();

export function titleOf(mutation: Mutation): string {
  const own = mutation.meta?.title;
  return typeof own === "string" ? own : (asked.get(mutation) ?? "");
}

/**
 * Nothing goes stale by the clock: signals say what to read again (`live.ts`). Mutations whose `networkMode` is left
 * alone wait while the server is away and go on when it is back; what may do harm late says `networkMode: "always"`.
 */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5 * 60_000,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: false,
      retry: (count, thrown) => {
        const error = asError(thrown);
        return count < 2 && error.retryable && error.status !== 429;
      },
    },
    mutations: { retry: false },
  },
  mutationCache: new MutationCache({
    onMutate: (_variables, mutation) => {
      asked.set(mutation as Mutation, document.title.replace(/ · Holdfast$/, ""));
    },
    onError: (thrown, _variables, _result, mutation) => {
      if (mutation.meta?.quiet) return;
      const error = asError(thrown);
      toast.bad(error.message, error.hint ?? error.code);
    },
  }),
});

onlineManager.setEventListener((setOnline) => {
  const say = () => setOnline(reach.there.get() && navigator.onLine);
  window.addEventListener("online", say);
  window.addEventListener("offline", say);
  const stop = reach.there.follow(say);
  return () => {
    stop();
    window.removeEventListener("online", say);
    window.removeEventListener("offline", say);
  };
});
