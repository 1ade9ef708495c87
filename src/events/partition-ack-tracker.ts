import type { ICustomPartitioner, RecordMetadata } from 'kafkajs';

/** Records the partitions of one request, to check that the broker has acknowledged all of them. */
export class PartitionAckTracker {
  private readonly partitions = new Set<number>();
  private readonly counts = new Set<number>();

  reset(): void {
    this.partitions.clear();
    this.counts.clear();
  }

  watch(partitioner: ICustomPartitioner): ICustomPartitioner {
    return () => {
      const choose = partitioner();
      return (args) => {
        const partition = choose(args);
        this.partitions.add(partition);
        this.counts.add(args.partitionMetadata.length);
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
    const acknowledged = new Set(written.map(({ partition }) => partition));
    if (this.counts.size > 1 || [...this.partitions].some((partition) => !acknowledged.has(partition)))
      throw new Error('the broker has not acknowledged every partition');
  }
}
