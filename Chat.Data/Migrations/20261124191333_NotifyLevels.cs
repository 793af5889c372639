using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Chat.Data.Migrations
{
    /// <inheritdoc />
    public partial class NotifyLevels : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "notify",
                table: "members",
                type: "text",
                nullable: false,
                defaultValue: "all");

            migrationBuilder.CreateIndex(
                name: "ix_events_mentions",
                table: "events",
                columns: new[] { "room_id", "seq" },
                filter: "event_type = 'chat_message' and strpos(body, '\"mentions\":[') > 0");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_events_mentions",
                table: "events");

            migrationBuilder.DropColumn(
                name: "notify",
                table: "members");
        }
    }
}
