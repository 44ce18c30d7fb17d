import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronRight, Download, File as FileIcon, Folder } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { repositoryFiles, type StoredOut } from "@/api";
import { Button } from "@/parts/Button";
import { Dialog } from "@/parts/Dialog";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Size, Skeleton } from "@/parts/small";
import { moment } from "@/parts/text";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { fileHref, inside } from "./folders";

interface Props {
  repository: string;
  stored: StoredOut;
  onClose: () => void;
}

/** The files of a snapshot that stock restic made, folder by folder; each is verified while it is downloaded. */
export function FilesSheet({ repository, stored, onClose }: Props) {
  const { t } = useTranslation();
  const able = useCan()("snapshot.download", "snapshot.read");
  const [folder, setFolder] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["repositories", repository, "files", stored.restic_id],
    queryFn: ({ pageParam, signal }) =>
      data(
        repositoryFiles({
          path: { repository_id: repository, restic_id: stored.restic_id },
          query: { limit: 200, cursor: pageParam },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const files = useMemo(() => found.data?.pages.flatMap(({ items }) => items) ?? [], [found.data]);
  const crumbs = folder === "" ? [] : folder.split("/");
  return (
    <Dialog
      open
      as="sheet"
      wide
      title={t("repositories:filesOf", { id: stored.restic_id.slice(0, 8) })}
      lead={`${stored.hostname} · ${moment(stored.taken_at)}`}
      onOpenChange={(open) => !open && onClose()}
      foot={<Button onClick={onClose}>{t("shell:close")}</Button>}
    >
      {found.error && <ErrorPanel error={found.error} />}
      {found.isPending && <Skeleton className="h-32" />}
      {found.data && (
        <div className="grid gap-2">
          <nav aria-label={t("repositories:folder")} className="flex flex-wrap items-center gap-1 text-sm">
            <Button look="quiet" size="small" onClick={() => setFolder("")}>
              /
            </Button>
            {crumbs.map((name, at) => (
              <span key={crumbs.slice(0, at + 1).join("/")} className="inline-flex items-center gap-1">
                <ChevronRight className="size-3 text-faint" aria-hidden />
                <Button look="quiet" size="small" onClick={() => setFolder(crumbs.slice(0, at + 1).join("/"))}>
                  {name}
                </Button>
              </span>
            ))}
          </nav>
          <ul className="divide-y rounded-md border">
            {inside(files, folder).map((each) => (
              <li key={each.path} className="flex min-h-9 items-center gap-2 px-3">
                {each.isFolder ? (
                  <button
                    type="button"
                    className="flex min-w-0 flex-1 items-center gap-2 py-1.5 text-left hover:text-accent-text"
                    onClick={() => setFolder(each.path)}
                  >
                    <Folder className="size-4 shrink-0 text-muted" aria-hidden />
                    <span className="truncate">{each.name}</span>
                  </button>
                ) : (
                  <span className="flex min-w-0 flex-1 items-center gap-2 py-1.5">
                    <FileIcon className="size-4 shrink-0 text-muted" aria-hidden />
                    <span className="truncate">{each.name}</span>
                  </span>
                )}
                <span className="figures shrink-0 text-muted text-xs">
                  <Size of={each.size} />
                </span>
                {able && !each.isFolder && (
                  <Button asChild look="quiet" size="small">
                    <a href={fileHref(repository, stored.restic_id, each.path)} download>
                      <Download aria-hidden />
                      <span className="sr-only">{t("repositories:downloadOf", { name: each.name })}</span>
                    </a>
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {found.hasNextPage && (
            <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              {t("repositories:moreFiles")}
            </Button>
          )}
        </div>
      )}
    </Dialog>
  );
}
