import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { workerOpenapi } from "@/api";
import { data } from "@/shell/api";
import { recall, remember } from "@/shell/store";
import { useStanding } from "../useVersions";
import { type Operation, operationsOf } from "./operations";
import { OWN_PATH, type OwnFault, type OwnFound, ownDocument } from "./own";
import { isRecord } from "./schema";

/** The worker's own document, where its version declares nothing. */
export interface Own {
  path: string;
  state: "idle" | "reading" | "read" | "failed";
  fault: OwnFault | null;
  read: () => void;
}

export interface Known {
  operations: readonly Operation[];
  /** null: the version declares routes, or nobody here may call the worker. */
  own: Own | null;
}

/** What the version that takes most requests declares; else, once it was asked for, what the worker itself says. */
export function useOperations(worker: string, mayInvoke: boolean): Known {
  const { data: declared } = useQuery({
    queryKey: ["workers", worker, "openapi"],
    queryFn: async () => declaredIn(await data<unknown>(workerOpenapi({ path: { worker_id: worker } }))),
    structuralSharing: false, // it would walk through all of it, however deep that is
  });
  const [isWanted, setWanted] = useState(() => recall(wantedOf(worker), false));
  const isNone = declared?.operations.length === 0;
  const { data: standing } = useStanding(worker, isNone);
  const version = standing?.deployed[0]?.version_id;
  const may = isNone && mayInvoke && version !== undefined;
  const path = declared?.own ?? OWN_PATH;
  const {
    data: found,
    isFetching,
    refetch,
  } = useQuery({
    // Apart from what is read again on every change: each time is a call of the worker.
    queryKey: ["worker-documents", worker, version, path],
    queryFn: async ({ signal }) => {
      const read = await ownDocument(worker, path, signal);
      remember(wantedOf(worker), read.fault === null); // a worker without one is not called again each time
      return read;
    },
    enabled: may && (isWanted || declared?.own !== undefined),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    structuralSharing: false,
    meta: { quiet: true },
  });
  if (!declared) return { operations: [], own: null };
  if (!may) return { operations: declared.operations, own: null };
  const read = () => {
    if (found) void refetch();
    setWanted(true);
  };
  return { operations: found?.operations ?? [], own: { path, read, ...stateOf(found, isFetching) } };
}

const wantedOf = (worker: string) => `console.own.${worker}`;

function stateOf(found: OwnFound | undefined, isFetching: boolean): Pick<Own, "state" | "fault"> {
  if (isFetching) return { state: "reading", fault: null };
  if (!found) return { state: "idle", fault: null };
  return found.fault ? { state: "failed", fault: found.fault } : { state: "read", fault: null };
}

/** `own`: where the worker's framework has a document of its own, as far as that is known. */
function declaredIn(document: unknown): { operations: Operation[]; own?: string } {
  const operations = operationsOf(document);
  const own = isRecord(document) ? document["x-holdfast-own"] : undefined;
  return typeof own === "string" && operations.length === 0 ? { operations, own } : { operations };
}
