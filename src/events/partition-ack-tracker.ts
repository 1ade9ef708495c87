import type { ICustomPartitioner, RecordMetadata } from 'kafkajs';

/** Records the partitions of one request, to check that the broker has acknowledged all of them. */
export class PartitionAckTracker {
  private readonly partitions = new Set<string>();
  private readonly counts = new Map<string, Set<number>>();

  reset(): void {
    this.partitions.clear();
    this.counts.clear();
  }

  watch(partitioner: ICustomPartitioner): ICustomPartitioner {
    return () => {
      const choose = partitioner();
      return (args) => {
        const partition = choose(args);
        this.partitions.add(`${args.topic} ${partition}`);
        this.counts.set(args.topic, (this.counts.get(args.topic) ?? new Set()).add(args.partitionMetadata.length));
        return partition;
      };
    };
  }

  /**
   * When a partition's leader moves during a retry, kafkajs may skip its messages without an error; when partitions are
   * added, a retry regroups the messages.
   * @throws Error in both cases
   */
  requireComplete(written: RecordMetadata[]): void {
    const acknowledged = new Set(written.map(({ topicName, partition }) => `${topicName} ${partition}`));
    const regrouped = [...this.counts.values()].some(({ size }) => size > 1);
    if (regrouped || [...this.partitions].some((partition) => !acknowledged.has(partition)))
      throw new Error('the broker has not acknowledged every partition');
  }
}
