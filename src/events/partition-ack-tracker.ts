import type { ICustomPartitioner, RecordMetadata } from 'kafkajs';

/** Where the producer put the messages of one request, to tell whether the broker has acknowledged all of it. */
export class PartitionAckTracker {
  private readonly partitions = new Set<number>();
  private readonly counts = new Set<number>();

  /** A new request. */
  begin(): void {
    this.partitions.clear();
    this.counts.clear();
  }

  /** The partitioner, whose choices are noted. */
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
   * Where a partition's leader moves while the library retries, it may take the new leader for served and leave messages out
   * without an error; where partitions were added meanwhile, a retry regroups the messages. Both count as failures.
   */
  requireComplete(written: RecordMetadata[]): void {
    const acknowledged = new Set(written.map(({ partition }) => partition));
    if (this.counts.size > 1 || [...this.partitions].some((partition) => !acknowledged.has(partition)))
      throw new Error('the broker has not acknowledged every partition');
  }
}
