using System.Diagnostics;

namespace Chat.Tests.LocalKafka;

/// <summary>Clients that share no code with us: kcat, and kafka-python, which probes what the broker speaks and uses old versions.</summary>
public class CommandLineClientTests : BrokerTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Kcat_lists_produces_and_consumes_alone_and_in_a_group()
    {
        await RunAsync("kcat", ["-P", "-b", Endpoint, "-t", "t", "-K:", "-z", "snappy", "-X", "enable.idempotence=true"], input: "k1:one\nk2:two\n");
        Assert.Contains("topic \"t\" with 1 partitions", await RunAsync("kcat", ["-L", "-b", Endpoint]));
        Assert.Equal("0 k1 one\n1 k2 two\n", await RunAsync("kcat", ["-C", "-b", Endpoint, "-t", "t", "-e", "-q", "-f", "%o %k %s\n"]));
        Assert.Equal("one\ntwo\n", await RunAsync("kcat", ["-b", Endpoint, "-G", "g", "-X", "auto.offset.reset=earliest", "-c", "2", "-q", "t"]));
        Assert.Equal("t [0] offset 2\n", await RunAsync("kcat", ["-Q", "-b", Endpoint, "-t", "t:0:-1"]));
    }

    [Fact]
    public async Task Kafka_python_negotiates_and_uses_what_it_knows()
    {
        var output = await RunAsync("/usr/bin/python3", ["-", Endpoint], input: """
            import sys
            from kafka import KafkaProducer, KafkaConsumer, KafkaAdminClient, TopicPartition
            from kafka.admin import NewTopic, NewPartitions, ConfigResource, ConfigResourceType
            from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError
            server = sys.argv[1]
            admin = KafkaAdminClient(bootstrap_servers=server)
            admin.create_topics([NewTopic('py', 2, 1, topic_configs={'retention.ms': '3600000'})])
            try:
                admin.create_topics([NewTopic('py', 2, 1)])
            except TopicAlreadyExistsError:
                print('exists')
            admin.create_partitions({'py': NewPartitions(3)})
            config = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, 'py')])[0].resources[0][4]
            print([c[1] for c in config if c[0] == 'retention.ms'][0])
            for codec in (None, 'gzip'):
                producer = KafkaProducer(bootstrap_servers=server, acks='all', compression_type=codec)
                for i in range(50):
                    producer.send('py', key=b'k%d' % i, value=b'v%d' % i, headers=[('h', b'x')])
                producer.flush()
                producer.close()
            consumer = KafkaConsumer('py', bootstrap_servers=server, group_id='pg', auto_offset_reset='earliest', consumer_timeout_ms=30000, enable_auto_commit=False)
            records = []
            for record in consumer:
                records.append(record)
                if len(records) == 100:
                    break
            print(len(records), len({(r.partition, r.offset) for r in records}), records[0].headers)
            consumer.commit()
            print(sum(consumer.committed(TopicPartition('py', p)) for p in range(3)))
            print(sum(consumer.end_offsets([TopicPartition('py', p) for p in range(3)]).values()))
            print(consumer.offsets_for_times({TopicPartition('py', 0): 1})[TopicPartition('py', 0)].offset)
            print(admin.list_consumer_groups(), admin.describe_consumer_groups(['pg'])[0].state)
            consumer.close()
            admin.delete_topics(['py'])
            try:
                admin.delete_topics(['py'])
            except UnknownTopicOrPartitionError:
                print('gone')
            """);
        Assert.Equal("exists\n3600000\n100 100 [('h', b'x')]\n100\n100\n0\n[('pg', 'consumer')] Stable\ngone\n", output);
    }

    [Fact]
    public async Task Producers_from_before_record_batches_are_understood()
    {
        await RunAsync("/usr/bin/python3", ["-", Endpoint], input: """
            import sys
            from kafka import KafkaProducer
            for version in ((0, 8, 2), (0, 9), (0, 10)):
                for codec in (None, 'gzip'):
                    producer = KafkaProducer(bootstrap_servers=sys.argv[1], api_version=version, compression_type=codec, acks='all', linger_ms=20)
                    sent = [producer.send('old', key=b'k', value=b'v%d' % i, timestamp_ms=1000 + i) for i in range(5)]
                    producer.flush()
                    assert [s.get().offset for s in sent] == list(range(sent[0].get().offset, sent[0].get().offset + 5))
                    producer.close()
            """);
        var lines = (await RunAsync("kcat", ["-C", "-b", Endpoint, "-t", "old", "-e", "-q", "-X", "check.crcs=true", "-f", "%o %T %k %s\n"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(30, lines.Length);
        Assert.Equal("4 -1 k v4", lines[4]); // Format 0 has no time.
        Assert.Equal("29 1004 k v4", lines[29]);
    }

    private static async Task<string> RunAsync(string program, string[] arguments, string input = "")
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync().WaitAsync(Patience);
            Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await error}");
            return await output;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
