import { useQuery } from "@tanstack/react-query";
import { useMatches } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Skeleton } from "@/parts/small";
import type { Screen } from "@/screens/screen";
import { SECTIONS } from "@/screens/settings/sections";
import { useAddress, useSection } from "./address";
import { help } from "./help";
import { useStore } from "./store";
import { useShortcut } from "./useShortcut";

// The Markdown reader comes with the first page that is read.
const HelpPage = lazy(async () => ({ default: (await import("./HelpPage")).HelpPage }));

/** The page of the documentation for what is on the screen: a tab's own where there is one. */
export function useDocs(): string {
  const screen = (useMatches().at(-1)?.staticData as { screen?: Screen } | undefined)?.screen;
  const section = useSection();
  const [{ tab }] = useAddress();
  const own = SECTIONS.find(({ id }) => id === section)?.docs ?? screen?.docs ?? "overview";
  return tab ? `${own}-${tab}` : own;
}

export function HelpSheet() {
  const { t } = useTranslation();
  const docs = useDocs();
  const pages = useStore(help.pages);
  const path = pages.at(-1);
  useShortcut("docs", () => help.open(docs));
  const {
    data: text,
    error,
    refetch,
  } = useQuery({
    queryKey: ["help", path],
    queryFn: async () => (await import("./helpPages")).read(path ?? ""),
    enabled: path !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    networkMode: "always",
  });
  const title = useMemo(() => /^# (.+)$/m.exec(text ?? "")?.[1], [text]);
  return (
    <Dialog
      as="sheet"
      open={path !== undefined}
      onOpenChange={(open) => !open && help.close()}
      title={title ?? t("shell:help")}
    >
      {pages.length > 1 && (
        <Button look="quiet" size="small" className="-ml-2 mb-2" icon={<ArrowLeft />} onClick={() => help.back()}>
          {t("shell:back")}
        </Button>
      )}
      {error ? (
        <ErrorPanel error={error} retry={() => void refetch()} />
      ) : (
        <Suspense fallback={<Skeleton className="h-40" />}>
          {text && path ? <HelpPage key={path} text={text} path={path} /> : <Skeleton className="h-40" />}
        </Suspense>
      )}
    </Dialog>
  );
}
