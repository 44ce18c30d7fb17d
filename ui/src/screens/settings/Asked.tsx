import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";

interface Props<T> {
  of: UseQueryResult<T>;
  children: (found: T) => ReactNode;
}

/** What was asked for, its failure with another try, or its shape meanwhile. */
export function Asked<T>({ of, children }: Props<T>) {
  if (of.data !== undefined) return children(of.data);
  if (of.error) return <ErrorPanel error={of.error} retry={() => void of.refetch()} />;
  return (
    <div aria-hidden className="grid gap-3 py-1">
      <Skeleton className="h-4 w-64 max-w-full" />
      <Skeleton className="h-4 w-96 max-w-full" />
      <Skeleton className="h-4 w-72 max-w-full" />
    </div>
  );
}
