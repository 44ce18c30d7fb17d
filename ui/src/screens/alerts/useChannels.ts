import { useQuery } from "@tanstack/react-query";
import { alertChannelList, type ChannelOut } from "@/api";
import { data } from "@/shell/api";

/** Every channel the person may see, for names and choices: two hundred at most. */
export function useChannels(): readonly ChannelOut[] {
  const { data: found } = useQuery({
    queryKey: ["alert_channels", "all"],
    queryFn: async () => (await data(alertChannelList({ query: { limit: 200 } }))).items,
  });
  return found ?? NONE;
}

const NONE: readonly ChannelOut[] = [];
