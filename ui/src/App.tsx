import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import { Enrol } from "@/screens/signin/Enrol";
import { link } from "@/screens/signin/link";
import { SignInPage } from "@/screens/signin/SignIn";
import { asError } from "@/shell/api";
import { queries } from "@/shell/query";
import { router } from "@/shell/router";
import { session, signedIn } from "@/shell/session";

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Door />
    </QueryClientProvider>
  );
}

/** The shell for who is signed in; the sign-in page, at the same address, for who is not. */
function Door() {
  const { data: who, error, isPending, refetch } = useQuery(session);
  if (link) return <SignInPage onDone={signedIn} />;
  if (who?.must_enrol) return <Enrol />;
  if (who) return <RouterProvider router={router} />;
  if (isPending) return <Waiting />;
  if (asError(error).status === 401) return <SignInPage onDone={signedIn} />;
  return (
    <main className="h-full">
      <ErrorPanel error={error} retry={() => void refetch()} />
    </main>
  );
}

function Waiting() {
  return (
    <div aria-busy="true" className="grid h-full grid-rows-[47px_1fr] sm:grid-cols-[52px_1fr]">
      <div className="hidden sm:col-start-2 sm:block" />
      <div className="grid content-start gap-3 bg-panel p-6 sm:col-start-2 sm:border-t sm:border-l">
        <Skeleton className="h-6 w-40" />
        <Skeleton className="h-4 w-72" />
      </div>
    </div>
  );
}
