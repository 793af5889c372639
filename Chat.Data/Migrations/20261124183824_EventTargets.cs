using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Chat.Data.Migrations
{
    /// <inheritdoc />
    public partial class EventTargets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<Guid>(
                name: "reply_to",
                table: "events",
                type: "uuid",
                nullable: true,
                computedColumnSql: "substring(body from '\"reply_to\":\"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\"')::uuid",
                stored: true);

            migrationBuilder.CreateIndex(
                name: "ix_events_replies",
                table: "events",
                columns: new[] { "room_id", "reply_to", "seq" },
                filter: "reply_to is not null");

            migrationBuilder.CreateIndex(
                name: "ix_events_targets",
                table: "events",
                columns: new[] { "room_id", "target_id", "event_type", "seq" },
                filter: "target_id is not null");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_events_replies",
                table: "events");

            migrationBuilder.DropIndex(
                name: "ix_events_targets",
                table: "events");

            migrationBuilder.DropColumn(
                name: "reply_to",
                table: "events");
        }
    }
}
